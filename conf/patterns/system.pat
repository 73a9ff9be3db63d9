# Syslog, mail, monitoring, backup.

# --- syslog ---
PROG [!-Z\\^-~]+
SYSLOGPROG %{PROG:program}(?:\[%{POSINT:pid}\])?
SYSLOGHOST %{IPORHOST}
SYSLOGFACILITY <%{NONNEGINT:facility}\.%{NONNEGINT:priority}>
SYSLOGBASE %{SYSLOGTIMESTAMP:timestamp} (?:%{SYSLOGFACILITY} )?(?:%{SYSLOGHOST:logsource} )?%{SYSLOGPROG}:
SYSLOGBASE2 (?:%{SYSLOGTIMESTAMP:timestamp}|%{TIMESTAMP_ISO8601:timestamp8601}) (?:%{SYSLOGFACILITY} )?(?:%{SYSLOGHOST:logsource} )?%{SYSLOGPROG}:
SYSLOGLINE %{SYSLOGBASE2} %{GREEDYDATA:message}
SYSLOGPAMSESSION %{SYSLOGBASE} (?<message>(?<pam_module>[^(\s]+)\((?<pam_caller>[^)]*)\): session %{WORD:pam_session_state} for user %{USERNAME:username}(?: by %{GREEDYDATA:pam_by})?)
CRON_ACTION [A-Z ]+
CRONLOG %{SYSLOGBASE} \(%{USER:user}\) %{CRON_ACTION:action} \((?<message>.*)\)
SYSLOG5424PRINTASCII [!-~]+
SYSLOG5424PRI <%{NONNEGINT:syslog5424_pri}>
SYSLOG5424SD (?:\[[^\]\s"=]+(?: [^\]\s"=]+="?(?:[^"\\\]]|\\.)*"?)*\])+
SYSLOG5424BASE %{SYSLOG5424PRI}%{NONNEGINT:syslog5424_ver} +(?:-|%{TIMESTAMP_ISO8601:syslog5424_ts}) +(?:-|%{IPORHOST:syslog5424_host}) +(?:-|%{SYSLOG5424PRINTASCII:syslog5424_app}) +(?:-|%{SYSLOG5424PRINTASCII:syslog5424_proc}) +(?:-|%{SYSLOG5424PRINTASCII:syslog5424_msgid}) +(?:-|%{SYSLOG5424SD:syslog5424_sd})
SYSLOG5424LINE %{SYSLOG5424BASE}(?: +%{GREEDYDATA:syslog5424_msg})?

# --- Exim ---
EXIM_MSGID [0-9A-Za-z]{6}-[0-9A-Za-z]{6}-[0-9A-Za-z]{2}
EXIM_FLAGS <=|=>|->|\*>|\*\*|==|<>|>>
EXIM_DATE %{YEAR:exim_year}-%{MONTHNUM:exim_month}-%{MONTHDAY:exim_day} %{TIME:exim_time}
EXIM_REMOTE_HOST H=(?:(?<remote_hostname>[^\s\[(]+) )?(?:\((?<remote_heloname>[^)]*)\) )?\[%{IP:remote_host}\](?::%{POSINT:remote_port})?
EXIM_INTERFACE I=\[%{IP:exim_interface}\](?::%{NUMBER:exim_interface_port})?
EXIM_SUBJECT T=%{QS:exim_subject}
EXIM %{EXIM_DATE:timestamp} (?:\[%{POSINT:pid}\] )?%{EXIM_MSGID:exim_msgid} %{EXIM_FLAGS:exim_flags} (?:%{EMAILADDRESS:exim_sender_email}|<>)(?: %{EXIM_REMOTE_HOST})?(?: %{EXIM_INTERFACE})?(?: U=%{NOTSPACE:exim_user})?(?: P=%{NOTSPACE:protocol})?(?: (?:X|A|CV|DN|SNI)=\S+)*(?: S=%{NUMBER:exim_msg_size})?(?: M8S=\d+)?(?: id=%{NOTSPACE:exim_header_id})?(?: %{EXIM_SUBJECT})?(?: from <(?<exim_from>[^>]*)>)?(?: for %{GREEDYDATA:exim_recipients})?

# --- Nagios ---
NAGIOSTIME \[%{NUMBER:nagios_epoch}\]
NAGIOS_HOST (?<nagios_hostname>[^;]*)
NAGIOS_SERVICE (?<nagios_service>[^;]*)
NAGIOS_STATE (?<nagios_state>[^;]*);(?<nagios_statetype>[^;]*);(?<nagios_statecode>[^;]*)
NAGIOS_CURRENT_SERVICE_STATE (?<nagios_type>CURRENT SERVICE STATE): %{NAGIOS_HOST};%{NAGIOS_SERVICE};%{NAGIOS_STATE};%{GREEDYDATA:nagios_message}
NAGIOS_CURRENT_HOST_STATE (?<nagios_type>CURRENT HOST STATE): %{NAGIOS_HOST};%{NAGIOS_STATE};%{GREEDYDATA:nagios_message}
NAGIOS_SERVICE_NOTIFICATION (?<nagios_type>SERVICE NOTIFICATION): (?<nagios_notifyname>[^;]*);%{NAGIOS_HOST};%{NAGIOS_SERVICE};(?<nagios_state>[^;]*);(?<nagios_contact>[^;]*);%{GREEDYDATA:nagios_message}
NAGIOS_HOST_NOTIFICATION (?<nagios_type>HOST NOTIFICATION): (?<nagios_notifyname>[^;]*);%{NAGIOS_HOST};(?<nagios_state>[^;]*);(?<nagios_contact>[^;]*);%{GREEDYDATA:nagios_message}
NAGIOS_SERVICE_ALERT (?<nagios_type>SERVICE ALERT): %{NAGIOS_HOST};%{NAGIOS_SERVICE};(?<nagios_state>[^;]*);(?<nagios_statelevel>[^;]*);(?<nagios_attempt>[^;]*);%{GREEDYDATA:nagios_message}
NAGIOS_HOST_ALERT (?<nagios_type>HOST ALERT): %{NAGIOS_HOST};(?<nagios_state>[^;]*);(?<nagios_statelevel>[^;]*);(?<nagios_attempt>[^;]*);%{GREEDYDATA:nagios_message}
NAGIOS_TIMEPERIOD_TRANSITION (?<nagios_type>TIMEPERIOD TRANSITION): %{NAGIOS_SERVICE};(?<nagios_unknown1>[^;]*);(?<nagios_unknown2>[^;]*)
NAGIOS_SCHEDULE_HOST_DOWNTIME (?<nagios_type>EXTERNAL COMMAND): (?<nagios_command>SCHEDULE_HOST_DOWNTIME);%{NAGIOS_HOST};%{NUMBER:nagios_start_time};%{NUMBER:nagios_end_time};%{NUMBER:nagios_fixed};%{NUMBER:nagios_trigger_id};%{NUMBER:nagios_duration};(?<author>[^;]*);%{DATA:comment}
NAGIOSLOGLINE %{NAGIOSTIME} (?:%{NAGIOS_CURRENT_HOST_STATE}|%{NAGIOS_CURRENT_SERVICE_STATE}|%{NAGIOS_SERVICE_NOTIFICATION}|%{NAGIOS_HOST_NOTIFICATION}|%{NAGIOS_SERVICE_ALERT}|%{NAGIOS_HOST_ALERT}|%{NAGIOS_TIMEPERIOD_TRANSITION}|%{NAGIOS_SCHEDULE_HOST_DOWNTIME})

# --- Bacula ---
BACULA_TIMESTAMP (?:%{MONTHDAY})-(?:%{MONTH})(?:-\d{4})? (?:%{HOUR}):(?:%{MINUTE})(?::[0-5]\d)?
BACULA_LOG_NEW_VOLUME Created new Volume "(?<volume>[^"]*)" in catalog\.
BACULA_LOG_NEW_LABEL (?:Labeled new|Wrote label to prelabeled) Volume "(?<volume>[^"]*)" on device "(?<device>[^"]*)" \([^)]*\)\.?
BACULA_LOG_NEW_MOUNT New volume "(?<volume>[^"]*)" mounted on device "(?<device>[^"]*)" \([^)]*\) at %{BACULA_TIMESTAMP}\.
BACULA_LOG_NOSTAT Could not stat (?<file>[^:]+): ERR=%{GREEDYDATA:berror}
BACULA_LOG_ALL_RECORDS_PRUNED All records pruned from Volume "(?<volume>[^"]*)"; marking it "Purged"
BACULA_LOG_VOLUME_PREVWRITTEN Volume "?(?<volume>[^"\s]*)"? previously written, moving to end of data\.
BACULA_LOG_READYAPPEND Ready to append to end of Volume "(?<volume>[^"]*)" size=%{INT:size:int}
BACULA_LOG_CLIENT_RBJ shell command: run ClientRunBeforeJob "(?<runjob>[^"]*)"
BACULA_LOG_FATAL_CONN Fatal error: Unable to authenticate with File daemon at "(?<client>[^":]+):%{POSINT:port}"\. %{GREEDYDATA:berror}
BACULA_LOG_CANCELLING Cancelling duplicate JobId=%{INT:other_jobid}\.
BACULA_LOG_DUPLICATE Fatal [Ee]rror: JobId %{INT:other_jobid} already running\. Duplicate job not allowed\.
BACULA_LOG %{BACULA_LOG_NEW_VOLUME}|%{BACULA_LOG_NEW_LABEL}|%{BACULA_LOG_NEW_MOUNT}|%{BACULA_LOG_NOSTAT}|%{BACULA_LOG_ALL_RECORDS_PRUNED}|%{BACULA_LOG_VOLUME_PREVWRITTEN}|%{BACULA_LOG_READYAPPEND}|%{BACULA_LOG_CLIENT_RBJ}|%{BACULA_LOG_FATAL_CONN}|%{BACULA_LOG_CANCELLING}|%{BACULA_LOG_DUPLICATE}
BACULA_LOGLINE %{BACULA_TIMESTAMP:bts} (?<hostname>[^\s:]+)(?: JobId %{INT:jobid})?: *(?:%{BACULA_LOG})

# --- MCollective ---
MCOLLECTIVE [A-Z], \[%{TIMESTAMP_ISO8601:timestamp} #%{POSINT:pid}\] *%{LOGLEVEL:event_level}
MCOLLECTIVEAUDIT %{TIMESTAMP_ISO8601:timestamp}:
