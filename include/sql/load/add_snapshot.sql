INSERT INTO raw.snapshot (
    source, dataset, slice, release, part, sha256, bytes, url, request, media_type, etag, last_modified, retrieved_at
)
VALUES (
    %(source)s, %(dataset)s, %(slice)s, %(release)s, %(part)s, %(sha256)s, %(bytes)s, %(url)s, %(request)s,
    %(media_type)s, %(etag)s, %(last_modified)s, %(retrieved_at)s
)
ON CONFLICT (source, slice, release, part, sha256) DO NOTHING
