SELECT source FROM ops.publication
ORDER BY source
