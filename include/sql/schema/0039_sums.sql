-- Some figures add up within an area, over sexes, ages and origins, and not over areas: readers are told where they sum.
COMMENT ON COLUMN bi.observation_all.value IS
'The figure where SUM over one indicator and year counts nothing twice; NULL on totals, shares, rates and averages, and where there is no figure. Over areas only where aggregation_area of dim_indicator is sum';
COMMENT ON COLUMN bi.fact_observation.value IS
'The figure where SUM over one indicator and year counts nothing twice; NULL on totals, shares, rates and averages, and where there is no figure. Over areas only where aggregation_area of dim_indicator is sum';
COMMENT ON COLUMN bi.annual_sum.value IS
'The sum: nothing is counted twice in it. A sum of it over areas within a year is one where aggregation_area of dim_indicator is sum, and no sensible number else';
