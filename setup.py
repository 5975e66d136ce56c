"""Tells setuptools where the packages lie, so that it needs none of the links in `deepchord`.

pip unpacks ZIP archives without links, and Git for Windows may check out a file in the place of each.
"""

from setuptools import find_packages, setup

_SIDES = ("shared", "worker", "coordinator", "ensemble")
_packages = find_packages(include=[pattern for side in _SIDES for pattern in (side, f"{side}.*")])

setup(
    packages=["deepchord", *(f"deepchord.{package}" for package in _packages)],
    package_dir={f"deepchord.{side}": side for side in _SIDES},
)
