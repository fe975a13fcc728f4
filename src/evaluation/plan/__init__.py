"""The plan and the codebook of a study: `study.toml` and `codebook.yaml` read into frozen objects, checked, frozen."""
