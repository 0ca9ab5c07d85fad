"""Plain tables: text files and workbooks, by our column names or a mapping in study.toml."""
