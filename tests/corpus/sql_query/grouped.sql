SELECT window_start, v.channel, count(*) AS plays, sum(p.dur::int) / count(*) AS mean
FROM pingback p LEFT JOIN video v ON p.vid = v.vid
WHERE p.t = '15'
GROUP BY tumble(_time, '1 minute'), v.channel
HAVING count(*) > 10
