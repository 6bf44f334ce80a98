-- The last time at which what readers see was changed; NULL where nothing was published.
SELECT max(published_at)::text AS published_at FROM ops.publication
