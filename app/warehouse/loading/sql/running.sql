-- How many statements run whose comment begins so.
SELECT count() FROM {{processes}} WHERE startsWith(Settings['log_comment'], {comment:String})
