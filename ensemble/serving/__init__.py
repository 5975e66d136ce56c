"""A server that answers what finished ensembles say of images, and a page to try them; needs the extra `serve`."""
