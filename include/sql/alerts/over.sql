-- Whether a run of the source has come to an end since: a load, or a failure of what comes before it.
SELECT count(*) > 0 AS over FROM ops.outcome
WHERE source = %(source)s AND step IN ('plan', 'check', 'gate', 'load') AND at > %(at)s
