"""Where rows come from: files, tables of other libraries, mappings, queries."""
