# Databases, caches, Java.

# --- Java, Tomcat ---
JAVACLASS (?:[A-Za-z$_][A-Za-z0-9$_]*\.)*[A-Za-z$_][A-Za-z0-9$_]*
JAVAFILE [A-Za-z$_0-9. -]+
JAVAMETHOD (?:<(?:cl)?init>|[A-Za-z$_][A-Za-z0-9$_]*)
JAVASTACKTRACEPART \s*at %{JAVACLASS:class}\.%{JAVAMETHOD:method}\(%{JAVAFILE:file}(?::%{INT:line})?\)
JAVATHREAD [A-Z]{2}-Processor\d+
JAVALOGMESSAGE .*
CATALINA7_DATESTAMP (?:%{MONTH}) (?:%{MONTHDAY}), \d{4} (?:%{HOUR}):[0-5]\d:[0-5]\d (?:AM|PM)
CATALINA8_DATESTAMP (?:%{MONTHDAY})-(?:%{MONTH})-\d{4} (?:%{HOUR}):[0-5]\d:(?:%{SECOND})
CATALINA_DATESTAMP %{CATALINA8_DATESTAMP}|%{CATALINA7_DATESTAMP}
CATALINALOG %{CATALINA_DATESTAMP:timestamp} %{JAVACLASS:class} %{JAVALOGMESSAGE:logmessage}
TOMCAT_DATESTAMP %{CATALINA_DATESTAMP}|\d{4}-\d\d-\d\d (?:%{HOUR}):[0-5]\d:(?:%{SECOND}) ?(?:%{ISO8601_TIMEZONE})
TOMCATLOG %{TOMCAT_DATESTAMP:timestamp} \| %{LOGLEVEL:level} \| %{JAVACLASS:class} - %{JAVALOGMESSAGE:logmessage}

# --- Redis ---
REDISTIMESTAMP (?:%{MONTHDAY}) (?:%{MONTH})(?: \d{4})? %{TIME}
REDISLOG \[%{POSINT:pid}\] %{REDISTIMESTAMP:timestamp} [*#.-] 
REDISMONLOG %{NUMBER:timestamp} \[%{INT:database} %{IP:client}:%{NUMBER:port}\] "(?<command>[^"]*)" ?%{GREEDYDATA:params}

# --- MongoDB ---
MONGO3_SEVERITY [A-Z]
MONGO3_COMPONENT \w+|-
MONGO3_LOG %{TIMESTAMP_ISO8601:timestamp} +%{MONGO3_SEVERITY:severity} +%{MONGO3_COMPONENT:component} +(?:\[(?<context>[^\]]*)\] )?%{GREEDYDATA:message}
MONGO_LOG %{SYSLOGTIMESTAMP:timestamp} \[%{WORD:component}\] %{GREEDYDATA:message}

# --- PostgreSQL ---
POSTGRESQL %{DATESTAMP:timestamp} %{TZ} %{NOTSPACE:user_id} %{NOTSPACE:connection_id} %{POSINT:pid}
