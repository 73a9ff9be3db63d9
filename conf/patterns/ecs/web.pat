# The patterns of ../web.pat with field names of the Elastic Common Schema. To be read after them.

# --- Apache and nginx ---
HTTPD_REQUEST %{WORD:http.request.method} (?<url.original>[^\s"]+)(?: HTTP/%{NUMBER:http.version})?|%{QUOTED:rawrequest}
HTTPD_COMMONLOG %{IPORHOST:source.address} (?:-|%{HTTPDUSER:apache.access.user.identity}) (?:-|%{HTTPDUSER:user.name}) \[%{HTTPDATE:timestamp}\] "(?:%{HTTPD_REQUEST})" (?:%{INT:http.response.status_code:int}|-) (?:%{INT:http.response.body.bytes:int}|-)
HTTPD_COMBINEDLOG %{HTTPD_COMMONLOG} "(?:-|%{QUOTED:http.request.referrer})" "(?:-|%{QUOTED:user_agent.original})"
HTTPD20_ERRORLOG \[%{HTTPDERROR_DATE:timestamp}\] \[%{LOGLEVEL:log.level}\] (?:\[client %{IPORHOST:source.address}\] )?%{GREEDYDATA:message}
HTTPD24_ERRORLOG \[%{HTTPDERROR_DATE:timestamp}\] \[(?:%{WORD:apache.error.module})?:%{LOGLEVEL:log.level}\] \[pid %{POSINT:process.pid:int}(?::tid %{INT:process.thread.id:int})?\](?: \(%{POSINT:apache.error.proxy.error.code}\)(?<apache.error.proxy.error.message>[^:]*):)?(?: \[client %{IPORHOST:source.address}:%{POSINT:source.port:int}\])?(?: (?<error.code>AH\d+):)? %{GREEDYDATA:message}

# --- Squid ---
SQUID3 %{NUMBER:timestamp} +%{NUMBER:squid.request.duration:int} %{IP:source.ip} %{WORD:event.action}/%{INT:http.response.status_code:int} %{INT:http.response.bytes:int} %{WORD:http.request.method} (?:-|%{NOTSPACE:url.original}) (?:-|%{NOTSPACE:user.name}) %{WORD:squid.hierarchy_code}/(?:-|%{IPORHOST:destination.address}) (?:-|%{NOTSPACE:http.response.mime_type})

# --- HAProxy ---
HAPROXYDATE \d+/(?:%{MONTH})/\d+:(?:%{HOUR}):(?:%{MINUTE}):[0-5]?\d\.\d+
HAPROXYCAPTUREDREQUESTHEADERS (?<haproxy.http.request.captured_headers>[^}]*)
HAPROXYCAPTUREDRESPONSEHEADERS (?<haproxy.http.response.captured_headers>[^}]*)
HAPROXYURI (?<url.original>(?:%{URIPROTO:url.scheme}://)?(?:%{USER:url.username}(?::[^@]*)?@)?(?:%{IPORHOST:url.domain}(?::%{POSINT:url.port:int})?)?(?:%{URIPATH:url.path}(?:\?%{URIQUERY:url.query})?)?)
HAPROXYHTTPREQUESTLINE <BADREQ>|%{WORD:http.request.method} (?:%{HAPROXYURI})(?: HTTP/%{NUMBER:http.version})?
HAPROXYHTTPBASE %{IP:source.address}:%{INT:source.port:int} \[%{HAPROXYDATE:haproxy.request_date}\] %{NOTSPACE:haproxy.frontend_name} (?<haproxy.backend_name>[^\s/]+)/(?:<NOSRV>|%{NOTSPACE:haproxy.server_name}) (?:-1|%{INT:haproxy.http.request.time_wait_ms:int})/(?:-1|%{INT:haproxy.total_waiting_time_ms:int})/(?:-1|%{INT:haproxy.connection_wait_time_ms:int})/(?:-1|%{INT:haproxy.http.request.time_wait_without_data_ms:int})/(?<haproxy.total_time_ms>\+?-?\d+) %{INT:http.response.status_code:int} %{INT:source.bytes:int} (?:-|%{NOTSPACE:haproxy.http.request.captured_cookie}) (?:-|%{NOTSPACE:haproxy.http.response.captured_cookie}) %{NOTSPACE:haproxy.termination_state} %{INT:haproxy.connections.active:int}/%{INT:haproxy.connections.frontend:int}/%{INT:haproxy.connections.backend:int}/%{INT:haproxy.connections.server:int}/%{INT:haproxy.connections.retries:int} %{INT:haproxy.server_queue:int}/%{INT:haproxy.backend_queue:int} (?:\{%{HAPROXYCAPTUREDREQUESTHEADERS}\} )?(?:\{%{HAPROXYCAPTUREDRESPONSEHEADERS}\} )?"(?:%{HAPROXYHTTPREQUESTLINE})?"?
HAPROXYHTTP (?:%{SYSLOGTIMESTAMP:timestamp}|%{TIMESTAMP_ISO8601:timestamp}) %{IPORHOST:host.hostname} %{SYSLOGPROG}: %{HAPROXYHTTPBASE}
HAPROXYTCP (?:%{SYSLOGTIMESTAMP:timestamp}|%{TIMESTAMP_ISO8601:timestamp}) %{IPORHOST:host.hostname} %{SYSLOGPROG}: %{IP:source.address}:%{INT:source.port:int} \[%{HAPROXYDATE:haproxy.request_date}\] %{NOTSPACE:haproxy.frontend_name} (?<haproxy.backend_name>[^\s/]+)/(?:<NOSRV>|%{NOTSPACE:haproxy.server_name}) (?:-1|%{INT:haproxy.total_waiting_time_ms:int})/(?:-1|%{INT:haproxy.connection_wait_time_ms:int})/(?<haproxy.total_time_ms>\+?-?\d+) %{INT:source.bytes:int} %{NOTSPACE:haproxy.termination_state} %{INT:haproxy.connections.active:int}/%{INT:haproxy.connections.frontend:int}/%{INT:haproxy.connections.backend:int}/%{INT:haproxy.connections.server:int}/%{INT:haproxy.connections.retries:int} %{INT:haproxy.server_queue:int}/%{INT:haproxy.backend_queue:int}

# --- Amazon Web Services ---
ELB_URI %{URIPROTO:url.scheme}://(?:%{USER:url.username}(?::[^@]*)?@)?(?:%{IPORHOST:url.domain}(?::%{POSINT:url.port:int})?)?(?:%{URIPATH:url.path}(?:\?%{URIQUERY:url.query})?)?
ELB_REQUEST_LINE (?:%{WORD:http.request.method} %{ELB_URI:url.original}(?: HTTP/%{NUMBER:http.version})?|%{QUOTED:aws.elb.raw_request})
ELB_V1_HTTP_LOG %{TIMESTAMP_ISO8601:timestamp} %{NOTSPACE:aws.elb.name} %{IP:source.ip}:%{INT:source.port:int} (?:%{IP:aws.elb.backend.ip}:%{INT:aws.elb.backend.port:int}|-) (?:-1|%{NUMBER:aws.elb.request_processing_time.sec:float}) (?:-1|%{NUMBER:aws.elb.backend_processing_time.sec:float}) (?:-1|%{NUMBER:aws.elb.response_processing_time.sec:float}) (?:%{INT:http.response.status_code:int}|-) (?:%{INT:aws.elb.backend.http.response.status_code:int}|-) %{INT:http.request.body.bytes:int} %{INT:http.response.body.bytes:int} "%{ELB_REQUEST_LINE}"(?: "(?:-|%{QUOTED:user_agent.original})" (?:-|%{NOTSPACE:tls.cipher}) (?:-|%{NOTSPACE:aws.elb.ssl_protocol}))?
S3_REQUEST_LINE %{WORD:http.request.method} %{NOTSPACE:url.original}(?: HTTP/%{NUMBER:http.version})?
S3_ACCESS_LOG %{NOTSPACE:aws.s3access.bucket_owner} %{NOTSPACE:aws.s3access.bucket} \[%{HTTPDATE:timestamp}\] (?:-|%{IP:client.ip}) (?:-|%{NOTSPACE:client.user.id}) %{NOTSPACE:aws.s3access.request_id} %{NOTSPACE:aws.s3access.operation} (?:-|%{NOTSPACE:aws.s3access.key}) (?:-|"%{S3_REQUEST_LINE:aws.s3access.request_uri}") (?:-|%{INT:http.response.status_code:int}) (?:-|%{NOTSPACE:aws.s3access.error_code}) (?:-|%{INT:aws.s3access.bytes_sent:int}) (?:-|%{INT:aws.s3access.object_size:int}) (?:-|%{INT:aws.s3access.total_time:int}) (?:-|%{INT:aws.s3access.turn_around_time:int}) (?:-|"(?:-|%{QUOTED:http.request.referrer})") (?:-|"(?:-|%{QUOTED:user_agent.original})") (?:-|%{NOTSPACE:aws.s3access.version_id})(?: (?:-|%{NOTSPACE:aws.s3access.host_id}) (?:-|%{NOTSPACE:aws.s3access.signature_version}) (?:-|%{NOTSPACE:tls.cipher}) (?:-|%{NOTSPACE:aws.s3access.authentication_type}) (?:-|%{NOTSPACE:aws.s3access.host_header}) (?:-|%{NOTSPACE:aws.s3access.tls_version}))?

# --- Ruby on Rails ---
RCONTROLLER (?<rails.controller.class>[^#\s]+)#(?<rails.controller.action>\w+)
RAILS3HEAD Started %{WORD:http.request.method} "%{URIPATHPARAM:url.original}" for %{IPORHOST:source.address} at (?<timestamp>\d{4}-\d\d-\d\d %{HOUR}:%{MINUTE}:[0-5]\d (?:%{ISO8601_TIMEZONE}))
RPROCESSING \s*Processing by %{RCONTROLLER} as (?<rails.request.format>\S+)(?:\s*Parameters: \{(?<rails.request.params>[^\n]*)\})?
RAILS3FOOT Completed %{POSINT:http.response.status_code:int} [^\n]*?in %{NUMBER:rails.request.duration.total:float}ms(?: \((?:Views: %{NUMBER:rails.request.duration.view:float}ms)?(?: \| )?(?:ActiveRecord: %{NUMBER:rails.request.duration.active_record:float}ms)?[^)]*\))?
RAILS3 %{RAILS3HEAD}(?:%{RPROCESSING})?(?:\s*(?<rails.request.explain.original>(?:(?!Completed)[^\n]*\n)*))?(?:\s*%{RAILS3FOOT})?
