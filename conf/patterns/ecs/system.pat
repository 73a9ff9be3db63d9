# The patterns of ../system.pat with field names of the Elastic Common Schema. To be read after them.

# --- syslog ---
SYSLOGPROG %{PROG:process.name}(?:\[%{POSINT:process.pid:int}\])?
SYSLOGFACILITY <%{NONNEGINT:log.syslog.facility.code:int}\.%{NONNEGINT:log.syslog.priority:int}>
SYSLOGBASE %{SYSLOGTIMESTAMP:timestamp} (?:%{SYSLOGFACILITY} )?(?:%{SYSLOGHOST:host.hostname} )?%{SYSLOGPROG}:
SYSLOGBASE2 (?:%{SYSLOGTIMESTAMP:timestamp}|%{TIMESTAMP_ISO8601:timestamp}) (?:%{SYSLOGFACILITY} )?(?:%{SYSLOGHOST:host.hostname} )?%{SYSLOGPROG}:
SYSLOGPAMSESSION %{SYSLOGBASE} (?<message>(?<system.auth.pam.module>[^(\s]+)\((?<system.auth.pam.origin>[^)]*)\): session %{WORD:system.auth.pam.session_state} for user %{USERNAME:user.name}(?: by (?:%{GREEDYDATA}))?)
CRONLOG %{SYSLOGBASE} \(%{USER:user.name}\) %{CRON_ACTION:system.cron.action} \((?<message>.*)\)
SYSLOG5424PRI <%{NONNEGINT:log.syslog.priority:int}>
SYSLOG5424BASE %{SYSLOG5424PRI}%{NONNEGINT:system.syslog.version} +(?:-|%{TIMESTAMP_ISO8601:timestamp}) +(?:-|%{IPORHOST:host.hostname}) +(?:-|%{SYSLOG5424PRINTASCII:process.name}) +(?:-|%{SYSLOG5424PRINTASCII:process.pid:int}) +(?:-|%{SYSLOG5424PRINTASCII:event.code}) +(?:-|%{SYSLOG5424SD:system.syslog.structured_data})
SYSLOG5424LINE %{SYSLOG5424BASE}(?: +%{GREEDYDATA:message})?

# --- Exim ---
EXIM_DATE (?:%{YEAR})-(?:%{MONTHNUM})-(?:%{MONTHDAY}) (?:%{TIME})
EXIM_REMOTE_HOST H=(?:(?<source.address>[^\s\[(]+) )?(?:\((?<exim.log.remote_address>[^)]*)\) )?\[%{IP:source.ip}\](?::%{POSINT:source.port:int})?
EXIM_INTERFACE I=\[%{IP:destination.ip}\](?::%{NUMBER:destination.port:int})?
EXIM_SUBJECT T="%{QUOTED:exim.log.message.subject}"
EXIM %{EXIM_DATE:timestamp} (?:\[%{POSINT:process.pid:int}\] )?%{EXIM_MSGID:exim.log.message.id} %{EXIM_FLAGS:exim.log.flags} (?:%{EMAILADDRESS:exim.log.sender.email}|<>)(?: %{EXIM_REMOTE_HOST})?(?: %{EXIM_INTERFACE})?(?: U=%{NOTSPACE:user.name})?(?: P=%{NOTSPACE:network.protocol})?(?: (?:X|A|CV|DN|SNI)=\S+)*(?: S=%{NUMBER:exim.log.message.size:int})?(?: M8S=\d+)?(?: id=%{NOTSPACE:exim.log.header_id})?(?: %{EXIM_SUBJECT})?(?: from <(?<exim.log.sender.original>[^>]*)>)?(?: for %{GREEDYDATA:exim.log.recipient.email})?

# --- Nagios ---
NAGIOSTIME \[%{NUMBER:timestamp}\]
NAGIOS_HOST (?<host.hostname>[^;]*)
NAGIOS_SERVICE (?<service.name>[^;]*)
NAGIOS_STATE (?<service.state>[^;]*);(?<nagios.log.state_type>[^;]*);(?<nagios.log.attempt>[^;]*)
NAGIOS_CURRENT_SERVICE_STATE (?<nagios.log.type>CURRENT SERVICE STATE): %{NAGIOS_HOST};%{NAGIOS_SERVICE};%{NAGIOS_STATE};%{GREEDYDATA:message}
NAGIOS_CURRENT_HOST_STATE (?<nagios.log.type>CURRENT HOST STATE): %{NAGIOS_HOST};%{NAGIOS_STATE};%{GREEDYDATA:message}
NAGIOS_SERVICE_NOTIFICATION (?<nagios.log.type>SERVICE NOTIFICATION): (?<user.name>[^;]*);%{NAGIOS_HOST};%{NAGIOS_SERVICE};(?<service.state>[^;]*);(?<nagios.log.notification_command>[^;]*);%{GREEDYDATA:message}
NAGIOS_HOST_NOTIFICATION (?<nagios.log.type>HOST NOTIFICATION): (?<user.name>[^;]*);%{NAGIOS_HOST};(?<service.state>[^;]*);(?<nagios.log.notification_command>[^;]*);%{GREEDYDATA:message}
NAGIOS_SERVICE_ALERT (?<nagios.log.type>SERVICE ALERT): %{NAGIOS_HOST};%{NAGIOS_SERVICE};(?<service.state>[^;]*);(?<nagios.log.state_type>[^;]*);(?<nagios.log.attempt>[^;]*);%{GREEDYDATA:message}
NAGIOS_HOST_ALERT (?<nagios.log.type>HOST ALERT): %{NAGIOS_HOST};(?<service.state>[^;]*);(?<nagios.log.state_type>[^;]*);(?<nagios.log.attempt>[^;]*);%{GREEDYDATA:message}
NAGIOS_TIMEPERIOD_TRANSITION (?<nagios.log.type>TIMEPERIOD TRANSITION): %{NAGIOS_SERVICE};(?<nagios.log.period_from>[^;]*);(?<nagios.log.period_to>[^;]*)
NAGIOS_SCHEDULE_HOST_DOWNTIME (?<nagios.log.type>EXTERNAL COMMAND): (?<nagios.log.command>SCHEDULE_HOST_DOWNTIME);%{NAGIOS_HOST};%{NUMBER:nagios.log.start_time};%{NUMBER:nagios.log.end_time};%{NUMBER:nagios.log.fixed};%{NUMBER:nagios.log.trigger_id};%{NUMBER:nagios.log.duration:int};(?<user.name>[^;]*);%{DATA:message}

# --- Bacula ---
BACULA_LOG_NEW_VOLUME Created new Volume "(?<bacula.volume.name>[^"]*)" in catalog\.
BACULA_LOG_NEW_LABEL (?:Labeled new|Wrote label to prelabeled) Volume "(?<bacula.volume.name>[^"]*)" on device "(?<bacula.volume.device>[^"]*)" \((?<bacula.volume.path>[^)]*)\)\.?
BACULA_LOG_NEW_MOUNT New volume "(?<bacula.volume.name>[^"]*)" mounted on device "(?<bacula.volume.device>[^"]*)" \((?<bacula.volume.path>[^)]*)\) at %{BACULA_TIMESTAMP}\.
BACULA_LOG_NOSTAT Could not stat (?<file.path>[^:]+): ERR=%{GREEDYDATA:error.message}
BACULA_LOG_ALL_RECORDS_PRUNED All records pruned from Volume "(?<bacula.volume.name>[^"]*)"; marking it "Purged"
BACULA_LOG_VOLUME_PREVWRITTEN Volume "?(?<bacula.volume.name>[^"\s]*)"? previously written, moving to end of data\.
BACULA_LOG_READYAPPEND Ready to append to end of Volume "(?<bacula.volume.name>[^"]*)" size=%{INT:bacula.volume.size:int}
BACULA_LOG_CLIENT_RBJ shell command: run ClientRunBeforeJob "(?<bacula.job.client_run_before_command>[^"]*)"
BACULA_LOG_FATAL_CONN Fatal error: Unable to authenticate with File daemon at "(?<client.address>[^":]+):%{POSINT:client.port:int}"\. %{GREEDYDATA:error.message}
BACULA_LOG_CANCELLING Cancelling duplicate JobId=%{INT:bacula.job.other_id}\.
BACULA_LOG_DUPLICATE Fatal [Ee]rror: JobId %{INT:bacula.job.other_id} already running\. Duplicate job not allowed\.
BACULA_LOGLINE %{BACULA_TIMESTAMP:timestamp} (?<host.hostname>[^\s:]+)(?: JobId %{INT:bacula.job.id})?: *(?:%{BACULA_LOG})

# --- MCollective ---
MCOLLECTIVE [A-Z], \[%{TIMESTAMP_ISO8601:timestamp} #%{POSINT:process.pid:int}\] *%{LOGLEVEL:log.level}
