# Firewalls, name servers, Zeek.

# --- Cisco ---
CISCOTAG [A-Z0-9]+-\d+-[A-Z0-9_]+
CISCOTIMESTAMP (?:%{MONTH}) +(?:%{MONTHDAY})(?: \d{4})? %{TIME}
CISCO_TAGGED_SYSLOG ^<%{POSINT:syslog_pri}>%{CISCOTIMESTAMP:timestamp}(?: %{SYSLOGHOST:sysloghost})? ?: %%{CISCOTAG:ciscotag}:
CISCO_ACTION Built|Teardown|Deny inbound|Deny|Denied|Dropping|denied|requested|permitted|discarded|est-allowed
CISCO_INTERVAL first hit|\d+-second interval
CISCO_FROM (?<src_interface>[^\s:/]+):%{IP:src_ip}/%{INT:src_port}
CISCO_TO (?<dst_interface>[^\s:/]+):%{IP:dst_ip}/%{INT:dst_port}
CISCOFW106001 %{WORD:direction} %{WORD:protocol} connection %{WORD:action} from %{IP:src_ip}/%{INT:src_port} to %{IP:dst_ip}/%{INT:dst_port} flags (?<tcp_flags>[A-Z ]+?) on interface %{NOTSPACE:interface}
CISCOFW106006_106007_106010 %{CISCO_ACTION:action} (?:%{WORD:direction} )?%{WORD:protocol} (?:from|src) (?:(?<src_interface>[^\s:]+):)?%{IP:src_ip}/%{INT:src_port}(?:\((?<src_fwuser>[^)]*)\))? (?:to|dst) (?:(?<dst_interface>[^\s:]+):)?%{IP:dst_ip}/%{INT:dst_port}(?:\((?<dst_fwuser>[^)]*)\))? (?:on interface %{NOTSPACE:interface}|due to %{GREEDYDATA:reason})
CISCOFW106014 %{CISCO_ACTION:action}(?: %{WORD:direction})? %{WORD:protocol} src (?<src_interface>[^\s:]+):%{IP:src_ip}(?:\([^)]*\))? dst (?<dst_interface>[^\s:]+):%{IP:dst_ip}(?:\((?<dst_fwuser>(?!type)[^)]*)\))? ?\(type %{INT:icmp_type}, code %{INT:icmp_code}\)
CISCOFW106021 %{CISCO_ACTION:action} %{WORD:protocol} reverse path check from %{IP:src_ip} to %{IP:dst_ip} on interface %{NOTSPACE:interface}
CISCOFW106023 %{CISCO_ACTION:action}(?: protocol)? %{WORD:protocol} src (?<src_interface>[^\s:]+):%{IP:src_ip}(?:/%{INT:src_port})?(?:\((?<src_fwuser>[^)]*)\))? dst (?<dst_interface>[^\s:]+):%{IP:dst_ip}(?:/%{INT:dst_port})?(?:\((?<dst_fwuser>[^)]*)\))?(?: \(type %{INT:icmp_type}, code %{INT:icmp_code}\))? by access-group "?(?<policy_id>[^"\s]+)"? \[(?<hashcode1>[^,]+), (?<hashcode2>[^\]]+)\]
CISCOFW106100 access-list %{NOTSPACE:policy_id} %{CISCO_ACTION:action} %{WORD:protocol} (?<src_interface>[^\s/]+)/%{IP:src_ip}\(%{INT:src_port}\)(?:\((?<src_fwuser>[^)]*)\))? -> (?<dst_interface>[^\s/]+)/%{IP:dst_ip}\(%{INT:dst_port}\)(?:\((?<dst_fwuser>[^)]*)\))? hit-cnt %{INT:hit_count} %{CISCO_INTERVAL:interval} \[(?<hashcode1>[^,]+), (?<hashcode2>[^\]]+)\]
CISCOFW110002 (?<reason>Failed to locate egress interface) for %{WORD:protocol} from (?<src_interface>[^\s:]+):%{IP:src_ip}/%{INT:src_port} to %{IP:dst_ip}/%{INT:dst_port}
CISCOFW302013_302014_302015_302016 %{CISCO_ACTION:action}(?: %{WORD:direction})? %{WORD:protocol} connection %{INT:connection_id} for %{CISCO_FROM}(?: \(%{IP:src_mapped_ip}/%{INT:src_mapped_port}\))?(?:\((?<src_fwuser>[^)]*)\))? to %{CISCO_TO}(?: \(%{IP:dst_mapped_ip}/%{INT:dst_mapped_port}\))?(?:\((?<dst_fwuser>[^)]*)\))?(?: duration %{TIME:duration} bytes %{INT:bytes})?(?: %{DATA:reason})?(?: \((?<user>[^)]*)\))?
CISCOFW302020_302021 %{CISCO_ACTION:action}(?: %{WORD:direction})? %{WORD:protocol} connection for faddr %{IP:dst_ip}/%{INT:icmp_seq_num}(?:\((?<fwuser>[^)]*)\))? gaddr %{IP:src_xlated_ip}/%{INT:icmp_code_xlated} laddr %{IP:src_ip}/%{INT:icmp_code}(?: \((?<user>[^)]*)\))?
CISCOFW313001_313004_313008 %{CISCO_ACTION:action} %{WORD:protocol} type=%{INT:icmp_type}, code=%{INT:icmp_code} from %{IP:src_ip} on interface %{NOTSPACE:interface}(?: to %{IP:dst_ip})?
CISCOFW419001 %{CISCO_ACTION:action} %{WORD:protocol} packet from %{CISCO_FROM} to %{CISCO_TO}, reason: %{GREEDYDATA:reason}
CISCOFW419002 (?<reason>Duplicate TCP SYN) from %{CISCO_FROM} to %{CISCO_TO} with different initial sequence number
CISCOFW733100 \[\s*(?<drop_type>[^\]]*)\] drop %{NOTSPACE:drop_rate_id} exceeded\. Current burst rate is %{INT:drop_rate_current_burst} per second, max configured rate is %{INT:drop_rate_max_burst}; Current average rate is %{INT:drop_rate_current_avg} per second, max configured rate is %{INT:drop_rate_max_avg}; Cumulative total count is %{INT:drop_total_count}

# --- Linux netfilter (Shorewall, SuSE) ---
NETFILTERMAC (?:%{COMMONMAC:nf_dst_mac}:%{COMMONMAC:nf_src_mac}:\S+)?
SHOREWALL %{SYSLOGTIMESTAMP:timestamp} %{SYSLOGHOST:nf_host} (?:kernel: )?(?:\[[^\]]*\] )?Shorewall:(?<nf_action1>[^:]+):(?<nf_action2>[^:]+):IN=(?:(?<nf_in_interface>\S+))? (?:OUT=(?:(?<nf_out_interface>\S+))? )(?:MAC=%{NETFILTERMAC} )?SRC=%{IP:nf_src_ip} DST=%{IP:nf_dst_ip} LEN=%{WORD:nf_len} TOS=%{WORD:nf_tos} PREC=%{WORD:nf_prec} TTL=%{INT:nf_ttl} ID=%{INT:nf_id} (?:[A-Z ]*?)PROTO=%{WORD:nf_protocol}(?: SPT=%{INT:nf_src_port} DPT=%{INT:nf_dst_port})?%{GREEDYDATA}
SFW2_LOG_PREFIX SFW2-INext-[A-Z-]+
SFW2 %{SYSLOGTIMESTAMP:timestamp} %{SYSLOGHOST:nf_host} kernel: (?:\[[^\]]*\] ?)?(?<nf_action>%{SFW2_LOG_PREFIX}) IN=(?:(?<nf_in_interface>\S+))? OUT=(?:(?<nf_out_interface>\S+))? MAC=%{NETFILTERMAC} SRC=%{IP:nf_src_ip} DST=%{IP:nf_dst_ip} .*?PROTO=%{WORD:nf_protocol}(?: SPT=%{INT:nf_src_port} DPT=%{INT:nf_dst_port})?%{GREEDYDATA}

# --- Juniper ---
NETSCREENSESSIONLOG %{SYSLOGTIMESTAMP:date} %{IPORHOST:device} \S+: NetScreen device_id=%{WORD:device_id} \[\S+\]system-notification-\d+\(%{WORD:type}\): start_time=%{QS:start_time} duration=%{INT:duration} policy_id=%{INT:policy_id} service=(?<service>.*?) proto=%{INT:proto} src zone=%{WORD:src_zone} dst zone=%{WORD:dst_zone} action=%{WORD:action} sent=%{INT:sent} rcvd=%{INT:rcvd} src=%{IPORHOST:src_ip} dst=%{IPORHOST:dst_ip} src_port=%{INT:src_port} dst_port=%{INT:dst_port} src-xlated ip=%{IPORHOST:src_xlated_ip} port=%{INT:src_xlated_port} dst-xlated ip=%{IPORHOST:dst_xlated_ip} port=%{INT:dst_xlated_port} session_id=%{INT:session_id} reason=%{GREEDYDATA:reason}
RT_FLOW_TAG RT_FLOW_SESSION_CREATE|RT_FLOW_SESSION_CLOSE|RT_FLOW_SESSION_DENY
RT_FLOW_ENDS %{IP:src-ip}/%{INT:src-port}->%{IP:dst-ip}/%{INT:dst-port} %{NOTSPACE:service} %{IP:nat-src-ip}/%{INT:nat-src-port}->%{IP:nat-dst-ip}/%{INT:nat-dst-port} %{NOTSPACE:src-nat-rule-name} %{NOTSPACE:dst-nat-rule-name} %{INT:protocol-id} %{NOTSPACE:policy-name} %{NOTSPACE:from-zone} %{NOTSPACE:to-zone} %{INT:session-id}
RT_FLOW1 %{RT_FLOW_TAG:event}: (?<close-reason>[^:]*): %{RT_FLOW_ENDS} \d+\(%{INT:sent}\) \d+\(%{INT:received}\) %{INT:elapsed-time} %{GREEDYDATA}
RT_FLOW2 %{RT_FLOW_TAG:event}: session created %{RT_FLOW_ENDS} %{GREEDYDATA}
RT_FLOW3 %{RT_FLOW_TAG:event}: session denied %{IP:src-ip}/%{INT:src-port}->%{IP:dst-ip}/%{INT:dst-port} %{NOTSPACE:service} %{INT:protocol-id}\(\d+\) %{NOTSPACE:policy-name} %{NOTSPACE:from-zone} %{NOTSPACE:to-zone} %{GREEDYDATA}

# --- BIND ---
BIND9_TIMESTAMP (?:%{MONTHDAY})-(?:%{MONTH})-\d{4} %{TIME}
BIND9 %{BIND9_TIMESTAMP:timestamp} queries: %{LOGLEVEL:loglevel}: client(?: @0x[0-9a-f]+)? %{IP:clientip}#%{POSINT:clientport} \([^)]*\): query: %{NOTSPACE:query} IN (?<querytype>\S+ \S+) \(%{IP:dns}\)

# --- Zeek, in its older shape (Bro) ---
BRO_FIELD [^\t]*
BRO_BASE %{NUMBER:ts}\t%{NOTSPACE:uid}\t%{IP:orig_h}\t%{INT:orig_p}\t%{IP:resp_h}\t%{INT:resp_p}
BRO_HTTP %{BRO_BASE}\t%{INT:trans_depth}\t%{BRO_FIELD:method}\t%{BRO_FIELD:domain}\t%{BRO_FIELD:uri}\t%{BRO_FIELD:referrer}\t%{BRO_FIELD:user_agent}\t%{NUMBER:request_body_len}\t%{NUMBER:response_body_len}\t%{BRO_FIELD:status_code}\t%{BRO_FIELD:status_msg}\t%{BRO_FIELD:info_code}\t%{BRO_FIELD:info_msg}\t%{BRO_FIELD:filename}\t%{BRO_FIELD:bro_tags}\t%{BRO_FIELD:username}\t%{BRO_FIELD:password}\t%{BRO_FIELD:proxied}\t%{BRO_FIELD:orig_fuids}\t%{BRO_FIELD:orig_mime_types}\t%{BRO_FIELD:resp_fuids}\t%{BRO_FIELD:resp_mime_types}
BRO_DNS %{BRO_BASE}\t%{WORD:proto}\t%{BRO_FIELD:trans_id}\t%{BRO_FIELD:query}\t%{BRO_FIELD:qclass}\t%{BRO_FIELD:qclass_name}\t%{BRO_FIELD:qtype}\t%{BRO_FIELD:qtype_name}\t%{BRO_FIELD:rcode}\t%{BRO_FIELD:rcode_name}\t%{BRO_FIELD:AA}\t%{BRO_FIELD:TC}\t%{BRO_FIELD:RD}\t%{BRO_FIELD:RA}\t%{BRO_FIELD:Z}\t%{BRO_FIELD:answers}\t%{BRO_FIELD:TTLs}\t%{BRO_FIELD:rejected}
BRO_CONN %{BRO_BASE}\t%{WORD:proto}\t%{BRO_FIELD:service}\t%{BRO_FIELD:duration}\t%{BRO_FIELD:orig_bytes}\t%{BRO_FIELD:resp_bytes}\t%{BRO_FIELD:conn_state}\t%{BRO_FIELD:local_orig}\t(?:%{BRO_FIELD:local_resp}\t)?%{BRO_FIELD:missed_bytes}\t%{BRO_FIELD:history}\t%{BRO_FIELD:orig_pkts}\t%{BRO_FIELD:orig_ip_bytes}\t%{BRO_FIELD:resp_pkts}\t%{BRO_FIELD:resp_ip_bytes}\t%{BRO_FIELD:tunnel_parents}
BRO_FILES %{NUMBER:ts}\t%{NOTSPACE:fuid}\t%{BRO_FIELD:tx_hosts}\t%{BRO_FIELD:rx_hosts}\t%{BRO_FIELD:conn_uids}\t%{BRO_FIELD:source}\t%{BRO_FIELD:depth}\t%{BRO_FIELD:analyzers}\t%{BRO_FIELD:mime_type}\t%{BRO_FIELD:filename}\t%{BRO_FIELD:duration}\t%{BRO_FIELD:local_orig}\t%{BRO_FIELD:is_orig}\t%{BRO_FIELD:seen_bytes}\t%{BRO_FIELD:total_bytes}\t%{BRO_FIELD:missing_bytes}\t%{BRO_FIELD:overflow_bytes}\t%{BRO_FIELD:timedout}\t%{BRO_FIELD:parent_fuid}\t%{BRO_FIELD:md5}\t%{BRO_FIELD:sha1}\t%{BRO_FIELD:sha256}\t%{BRO_FIELD:extracted}
