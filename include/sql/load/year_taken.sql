-- The run of the same DAG, kind and form that has planned the same year within a day before this attempt, if any.
SELECT other.run_id
FROM ops.attempt AS mine
INNER JOIN ops.run AS my_run ON mine.run_id = my_run.run_id
INNER JOIN ops.run AS other_run
    ON
        my_run.dag = other_run.dag
        AND my_run.kind = other_run.kind
        AND my_run.parameters = other_run.parameters
        AND my_run.run_id <> other_run.run_id
        AND date_trunc('year', my_run.logical_date, 'UTC') = date_trunc('year', other_run.logical_date, 'UTC')
INNER JOIN ops.attempt AS other
    ON
        other_run.run_id = other.run_id
        AND mine.source = other.source
        AND mine.step = other.step
        AND mine.attempt_id > other.attempt_id
        AND other.began_at > mine.began_at - interval '1 day'
LEFT JOIN ops.outcome AS o ON other.attempt_id = o.attempt_id
WHERE mine.attempt_id = %(attempt_id)s AND coalesce(o.status, 'done') = 'done'
ORDER BY other.attempt_id
LIMIT 1
