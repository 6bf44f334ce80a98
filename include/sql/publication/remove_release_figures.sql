DELETE FROM bi.release_figures AS f
USING ref.source AS s
WHERE f.source = s.code AND (f.source = any(%(sources)s) OR s.redistribution <> 'allowed')
