INSERT INTO ops.validation_result (
    run_id, suite, source, rule, expectation, column_name, severity, success, evaluated, unexpected, reason, failing
)
VALUES (
    %(run_id)s, %(suite)s, %(source)s, %(rule)s, %(expectation)s, %(column)s, %(severity)s, %(success)s,
    %(evaluated)s, %(unexpected)s, %(reason)s, %(failing)s
)
