"""pyproject.toml, requirements.lock and environment.yml name one environment; nothing in them names a host."""

import re
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]
OWNERS = ("jupyterlab", "pandas", "statsmodels", "linearmodels", "seaborn", "papermill", "pingouin")


def locked():
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins = [re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", line) for line in lines]
    return {m[1].lower(): m[2] for m in pins if m}


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_requirement_is_locked_to_a_version_it_permits():
    lock, plan = locked(), project()
    wanted = plan["project"]["dependencies"] + plan["dependency-groups"]["dev"] + plan["dependency-groups"]["build"]
    for line in wanted:
        need = Requirement(line)
        assert need.name in lock, need
        assert need.specifier.contains(Version(lock[need.name])), need


def test_every_locked_version_has_hashes_and_no_host():
    text = (ROOT / "requirements.lock").read_text()
    entries = re.split(r"\n(?=[A-Za-z0-9])", text.strip())
    assert len(entries) > 50
    assert all("--hash=sha256:" in e for e in entries)
    assert not re.search(r"https?://|--index|--extra-index|--find-links", text)


def test_conda_environment_repeats_the_owners_packages_with_the_locked_pins():
    env = yaml.safe_load((ROOT / "environment.yml").read_text())
    pip = next(d["pip"] for d in env["dependencies"] if isinstance(d, dict))
    assert "-r requirements.lock" in pip
    lock = locked()
    assert {f"{p}=={lock[p]}" for p in OWNERS} == set(pip) - {"-r requirements.lock"}
    low = project()["project"]["requires-python"].removeprefix(">=")
    assert f"python={low}" in env["dependencies"]


def test_every_dependency_is_used():
    source = "\n".join(p.read_text() for p in [*(ROOT / "src").rglob("*.py"), *(ROOT / "notebooks").glob("*.ipynb")])
    used_otherwise = {"jupyterlab", "ipykernel"}  # run by people, and by the kernels
    imported = {"pyyaml": "yaml", "python-calamine": "python_calamine", "tomli-w": "tomli_w"}
    for line in project()["project"]["dependencies"]:
        name = Requirement(line).name
        module = imported.get(name, name.replace("-", "_"))
        assert name in used_otherwise or re.search(rf"\b{module}\b", source), name
