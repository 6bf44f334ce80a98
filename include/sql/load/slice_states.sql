SELECT DISTINCT ON (st.slice)
    st.slice,
    st.content_sha256,
    st.facts_path,
    st.facts_sha256,
    st.release,
    st.landed_at
FROM ops.slice_state AS st
INNER JOIN ops.load AS l ON st.load_id = l.load_id
WHERE st.source = %(source)s AND st.slice = any(%(slices)s)
ORDER BY st.slice ASC, l.released_at DESC, l.finished_at DESC
