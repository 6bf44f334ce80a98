SELECT DISTINCT facts_path FROM ops.slice_state
