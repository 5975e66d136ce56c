"""`deepchord` and `python -m deepchord`: the commands of both sides, whatever lies in the current folder."""

from deepchord.shared.import_path import remove_current_folder

remove_current_folder()

from deepchord.commands import main

if __name__ == "__main__":
    main()
