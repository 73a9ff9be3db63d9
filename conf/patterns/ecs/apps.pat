# The patterns of ../apps.pat with field names of the Elastic Common Schema. To be read after them.

# --- Java, Tomcat ---
JAVASTACKTRACEPART \s*at %{JAVACLASS:java.log.origin.class.name}\.%{JAVAMETHOD:log.origin.function}\(%{JAVAFILE:log.origin.file.name}(?::%{INT:log.origin.file.line:int})?\)
CATALINA7_LOG %{CATALINA7_DATESTAMP:timestamp} %{JAVACLASS:java.log.origin.class.name} (?:%{JAVAMETHOD:log.origin.function})?\s*(?:%{LOGLEVEL:log.level}:)? ?%{JAVALOGMESSAGE:message}
CATALINA8_LOG %{CATALINA8_DATESTAMP:timestamp} %{LOGLEVEL:log.level} \[(?<java.log.origin.thread.name>[^\]]*)\] %{JAVACLASS:java.log.origin.class.name}\.(?:%{JAVAMETHOD:log.origin.function})? %{JAVALOGMESSAGE:message}
CATALINALOG %{CATALINA8_LOG}|%{CATALINA7_LOG}
TOMCAT7_LOG %{TOMCAT_DATESTAMP:timestamp} \| %{LOGLEVEL:log.level} \| %{JAVACLASS:java.log.origin.class.name} - %{JAVALOGMESSAGE:message}
TOMCATLOG %{TOMCAT7_LOG}|%{CATALINA8_LOG}

# --- Redis ---
REDISLOG \[%{POSINT:process.pid:int}\] %{REDISTIMESTAMP:timestamp} [*#.-] 
REDISMONLOG %{NUMBER:timestamp} \[%{INT:redis.database.id} %{IP:client.ip}:%{NUMBER:client.port:int}\] "(?<redis.command.name>[^"]*)" ?%{GREEDYDATA:redis.command.args}

# --- MongoDB ---
MONGO3_LOG %{TIMESTAMP_ISO8601:timestamp} +%{MONGO3_SEVERITY:log.level} +(?:-|%{WORD:mongodb.component}) +(?:\[(?<mongodb.context>[^\]]*)\] )?%{GREEDYDATA:message}
MONGO_LOG %{SYSLOGTIMESTAMP:timestamp} \[%{WORD:mongodb.component}\] %{GREEDYDATA:message}

# --- PostgreSQL ---
POSTGRESQL %{DATESTAMP:timestamp} %{TZ} %{NOTSPACE:user.name} %{NOTSPACE:postgresql.log.connection_id} %{POSINT:process.pid:int}
