-- ClickPy's tables as far as the source reads them, from their published columns, engines and keys; statements end with
-- a semicolon and a blank line.
-- One row a download. '' stands for NULL.
CREATE TABLE pypi
(
    date         Date,
    country_code LowCardinality(String),
    project      String,
    type         LowCardinality(String),
    installer    LowCardinality(String),
    python_minor LowCardinality(String),
    system       LowCardinality(String),
    version      String
)
ENGINE = MergeTree
ORDER BY (project, date, version, country_code, python_minor, system);

CREATE TABLE pypi_downloads (project String, count Int64)
ENGINE = SummingMergeTree
ORDER BY project;

CREATE TABLE pypi_downloads_per_day (date Date, project String, count Int64)
ENGINE = SummingMergeTree
ORDER BY (project, date);

CREATE TABLE pypi_downloads_per_month (month Date, project String, count Int64)
ENGINE = SummingMergeTree
ORDER BY (month, project);

CREATE TABLE pypi_downloads_per_day_by_version_by_python
(
    date         Date,
    project      String,
    version      String,
    python_minor String,
    count        Int64
)
ENGINE = SummingMergeTree
ORDER BY (project, version, date, python_minor);

CREATE TABLE pypi_downloads_per_day_by_version_by_system
(
    date    Date,
    project String,
    version String,
    system  String,
    count   Int64
)
ENGINE = SummingMergeTree
ORDER BY (project, version, date, system);

-- `type` is not in the key: rows of different types become one row of any type.
CREATE TABLE pypi_downloads_per_day_by_version_by_installer_by_type
(
    project   String,
    version   String,
    date      Date,
    installer String,
    type      LowCardinality(String),
    count     Int64
)
ENGINE = SummingMergeTree
ORDER BY (project, version, date, installer);

CREATE TABLE pypi_downloads_per_day_by_version_by_installer_by_type_by_country
(
    project      String,
    version      String,
    date         Date,
    installer    String,
    type         LowCardinality(String),
    country_code LowCardinality(String),
    count        Int64
)
ENGINE = SummingMergeTree
ORDER BY (project, version, date, country_code, installer, type);

CREATE MATERIALIZED VIEW pypi_downloads_mv TO pypi_downloads AS
SELECT project, count() AS count FROM pypi GROUP BY project;

CREATE MATERIALIZED VIEW pypi_downloads_per_day_mv TO pypi_downloads_per_day AS
SELECT date, project, count() AS count FROM pypi GROUP BY date, project;

-- The published view leaves out what is older than six months when it comes in. These tables are filled with days that
-- are the same whenever the tests run.
CREATE MATERIALIZED VIEW pypi_downloads_per_month_mv TO pypi_downloads_per_month AS
SELECT toStartOfMonth(date) AS month, project, count() AS count FROM pypi GROUP BY month, project;

CREATE MATERIALIZED VIEW pypi_downloads_per_day_by_version_by_python_mv
TO pypi_downloads_per_day_by_version_by_python AS
SELECT date, project, version, python_minor, count() AS count FROM pypi GROUP BY date, project, version, python_minor;

CREATE MATERIALIZED VIEW pypi_downloads_per_day_by_version_by_system_mv
TO pypi_downloads_per_day_by_version_by_system AS
SELECT date, project, version, system, count() AS count FROM pypi GROUP BY date, project, version, system;

CREATE MATERIALIZED VIEW pypi_downloads_per_day_by_version_by_installer_by_type_mv
TO pypi_downloads_per_day_by_version_by_installer_by_type AS
SELECT project, version, date, installer, type, count() AS count
FROM pypi
GROUP BY project, version, date, installer, type;

CREATE MATERIALIZED VIEW pypi_downloads_per_day_by_version_by_installer_by_type_by_country_mv
TO pypi_downloads_per_day_by_version_by_installer_by_type_by_country AS
SELECT project, version, date, installer, type, country_code, count() AS count
FROM pypi
GROUP BY project, version, date, installer, type, country_code;

