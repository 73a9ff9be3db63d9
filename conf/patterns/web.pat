# Web servers, proxies, load balancers, Rails. Field names are the short ones; conf/patterns/ecs has the
# same patterns with names of the Elastic Common Schema.

# --- Apache and nginx ---
HTTPDUSER %{EMAILADDRESS}|%{USER}
HTTPD_REQUEST %{WORD:verb} (?<request>[^\s"]+)(?: HTTP/%{NUMBER:httpversion})?|%{QUOTED:rawrequest}
HTTPD_COMMONLOG %{IPORHOST:clientip} (?:%{HTTPDUSER:ident}|-) (?:%{HTTPDUSER:auth}|-) \[%{HTTPDATE:timestamp}\] "(?:%{HTTPD_REQUEST})" (?:%{INT:response}|-) (?:%{INT:bytes}|-)
HTTPD_COMBINEDLOG %{HTTPD_COMMONLOG} %{QS:referrer} %{QS:agent}
COMMONAPACHELOG %{HTTPD_COMMONLOG}
COMBINEDAPACHELOG %{HTTPD_COMBINEDLOG}
HTTPD20_ERRORLOG \[%{HTTPDERROR_DATE:timestamp}\] \[%{LOGLEVEL:loglevel}\] (?:\[client %{IPORHOST:clientip}\] )?%{GREEDYDATA:message}
HTTPD24_ERRORLOG \[%{HTTPDERROR_DATE:timestamp}\] \[(?:%{WORD:module})?:%{LOGLEVEL:loglevel}\] \[pid %{POSINT:pid}(?::tid %{INT:tid})?\](?: \(%{POSINT:proxy_errorcode}\)(?<proxy_message>[^:]*):)?(?: \[client %{IPORHOST:clientip}:%{POSINT:clientport}\])?(?: (?<errorcode>AH\d+):)? %{GREEDYDATA:message}
HTTPD_ERRORLOG %{HTTPD24_ERRORLOG}|%{HTTPD20_ERRORLOG}

# --- Squid ---
SQUID3 %{NUMBER:timestamp} +%{NUMBER:duration} %{IP:client_address} %{WORD:cache_result}/%{INT:status_code} %{INT:bytes} %{WORD:request_method} %{NOTSPACE:url} %{NOTSPACE:user} %{WORD:hierarchy_code}/(?:-|%{IPORHOST:server}) %{NOTSPACE:content_type}

# --- HAProxy ---
HAPROXYDATE %{INT:haproxy_monthday}/%{MONTH:haproxy_month}/%{INT:haproxy_year}:(?<haproxy_time>%{HOUR:haproxy_hour}:%{MINUTE:haproxy_minute}:[0-5]?\d)\.%{INT:haproxy_milliseconds}
HAPROXYCAPTUREDREQUESTHEADERS (?<captured_request_headers>[^}]*)
HAPROXYCAPTUREDRESPONSEHEADERS (?<captured_response_headers>[^}]*)
HAPROXYURI (?:%{URIPROTO:http_proto}://)?(?:%{USER:http_user}(?::[^@]*)?@)?(?:%{URIHOST:http_host})?(?<http_request>(?:%{URIPATH})?(?:%{URIPARAM})?)
HAPROXYHTTPREQUESTLINE <BADREQ>|%{WORD:http_verb} (?:%{HAPROXYURI})(?: HTTP/%{NUMBER:http_version})?
HAPROXYHTTPBASE %{IP:client_ip}:%{INT:client_port} \[%{HAPROXYDATE:accept_date}\] %{NOTSPACE:frontend_name} (?<backend_name>[^\s/]+)/%{NOTSPACE:server_name} %{INT:time_request}/%{INT:time_queue}/%{INT:time_backend_connect}/%{INT:time_backend_response}/(?<time_duration>\+?-?\d+) %{INT:http_status_code} (?<bytes_read>\+?\d+) %{NOTSPACE:captured_request_cookie} %{NOTSPACE:captured_response_cookie} %{NOTSPACE:termination_state} %{INT:actconn}/%{INT:feconn}/%{INT:beconn}/%{INT:srvconn}/(?<retries>\+?\d+) %{INT:srv_queue}/%{INT:backend_queue} (?:\{%{HAPROXYCAPTUREDREQUESTHEADERS}\} )?(?:\{%{HAPROXYCAPTUREDRESPONSEHEADERS}\} )?"(?:%{HAPROXYHTTPREQUESTLINE})?"?
HAPROXYHTTP (?:%{SYSLOGTIMESTAMP:syslog_timestamp}|%{TIMESTAMP_ISO8601:timestamp8601}) %{IPORHOST:syslog_server} %{SYSLOGPROG}: %{HAPROXYHTTPBASE}
HAPROXYTCP (?:%{SYSLOGTIMESTAMP:syslog_timestamp}|%{TIMESTAMP_ISO8601:timestamp8601}) %{IPORHOST:syslog_server} %{SYSLOGPROG}: %{IP:client_ip}:%{INT:client_port} \[%{HAPROXYDATE:accept_date}\] %{NOTSPACE:frontend_name} (?<backend_name>[^\s/]+)/%{NOTSPACE:server_name} %{INT:time_queue}/%{INT:time_backend_connect}/(?<time_duration>\+?-?\d+) (?<bytes_read>\+?\d+) %{NOTSPACE:termination_state} %{INT:actconn}/%{INT:feconn}/%{INT:beconn}/%{INT:srvconn}/(?<retries>\+?\d+) %{INT:srv_queue}/%{INT:backend_queue}

# --- Amazon Web Services ---
ELB_URIHOST %{IPORHOST}(?::%{POSINT:port})?
ELB_URI %{URIPROTO:proto}://(?:%{USER}(?::[^@]*)?@)?(?:%{ELB_URIHOST:urihost})?(?:%{URIPATH:path}(?:%{URIPARAM:params})?)?
ELB_REQUEST_LINE (?:%{WORD:verb} %{ELB_URI:request}(?: HTTP/%{NUMBER:httpversion})?|%{QUOTED:rawrequest})
ELB_V1_HTTP_LOG %{TIMESTAMP_ISO8601:timestamp} %{NOTSPACE:elb} %{IP:clientip}:%{INT:clientport:int} (?:%{IP:backendip}:%{INT:backendport:int}|-) %{NUMBER:request_processing_time:float} %{NUMBER:backend_processing_time:float} %{NUMBER:response_processing_time:float} (?:%{INT:response:int}|-) (?:%{INT:backend_response:int}|-) %{INT:received_bytes:int} %{INT:bytes:int} "%{ELB_REQUEST_LINE}"(?: "(?:-|%{QUOTED:agent})" (?:-|%{NOTSPACE:ssl_cipher}) (?:-|%{NOTSPACE:ssl_protocol}))?
ELB_ACCESS_LOG %{ELB_V1_HTTP_LOG}
S3_REQUEST_LINE %{WORD:verb} %{NOTSPACE:request}(?: HTTP/%{NUMBER:httpversion})?
S3_ACCESS_LOG %{NOTSPACE:owner} %{NOTSPACE:bucket} \[%{HTTPDATE:timestamp}\] %{IP:clientip} %{NOTSPACE:requester} %{NOTSPACE:request_id} %{NOTSPACE:operation} %{NOTSPACE:key} (?:"%{S3_REQUEST_LINE}"|-) (?:%{INT:response:int}|-) (?:-|%{NOTSPACE:error_code}) (?:%{INT:bytes:int}|-) (?:%{INT:object_size:int}|-) (?:%{INT:request_time_ms:int}|-) (?:%{INT:turnaround_time_ms:int}|-) (?:%{QS:referrer}|-) (?:%{QS:agent}|-) (?:-|%{NOTSPACE:version_id})

# --- Ruby on Rails ---
RUUID \S{32}
RCONTROLLER (?<controller>[^#\s]+)#(?<action>\w+)
RAILS3HEAD Started %{WORD:verb} "%{URIPATHPARAM:request}" for %{IPORHOST:clientip} at (?<timestamp>\d{4}-\d\d-\d\d %{HOUR}:%{MINUTE}:[0-5]\d (?:%{ISO8601_TIMEZONE}))
RPROCESSING \s*Processing by %{RCONTROLLER} as (?<format>\S+)(?:\s*Parameters: \{(?<params>[^\n]*)\})?
RAILS3FOOT Completed %{POSINT:response} [^\n]*?in %{NUMBER:totalms}ms(?: \((?:Views: %{NUMBER:viewms}ms)?(?: \| )?(?:ActiveRecord: %{NUMBER:activerecordms}ms)?[^)]*\))?
RAILS3 %{RAILS3HEAD}(?:%{RPROCESSING})?(?:\s*(?<context>(?:(?!Completed)[^\n]*\n)*))?(?:\s*%{RAILS3FOOT})?
