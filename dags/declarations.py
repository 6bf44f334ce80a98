"""No DAG: what is wrong with the declared sources, as an import error in Airflow's UI. The DAGs of the others go on."""

# Airflow passes over a file that does not hold both words, `airflow` and `dag`: the line above does.
from migstats.errors import DeclarationError
from migstats.source import declared

wrong = declared()[1]
if wrong:
    raise DeclarationError("\n".join(wrong.values()))
