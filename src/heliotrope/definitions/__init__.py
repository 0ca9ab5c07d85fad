"""The clinical knowledge: versioned, cited TOML files and the models that read them."""
