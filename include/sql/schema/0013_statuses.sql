-- Statuses follow the codelist word for word: T and X are in none, and J, K and S may come with a figure or without.
ALTER TABLE core.observation
DROP CONSTRAINT obs_status_known,
DROP CONSTRAINT value_and_status,
ADD CONSTRAINT obs_status_known CHECK (
    obs_status IN (
        'A', 'B', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P', 'Q', 'S', 'U', 'V', 'W'
    )
),
ADD CONSTRAINT value_and_status CHECK (value IS NULL OR obs_status NOT IN ('H', 'L', 'M', 'N', 'O', 'Q')),
ADD CONSTRAINT no_value_and_status CHECK (
    value IS NOT NULL OR obs_status IN ('H', 'L', 'M', 'N', 'O', 'Q', 'J', 'K', 'S')
);
