INSERT INTO ops.upload (upload_id, country, form, year, language, channel, sent_by, file_name, sha256, bytes)
VALUES (
    %(upload_id)s, %(country)s, %(form)s, %(year)s, %(language)s, %(channel)s, %(sent_by)s, %(file_name)s, %(sha256)s,
    %(bytes)s
)
