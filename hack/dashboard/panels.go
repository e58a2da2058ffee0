package main

import "fmt"

// Units of Grafana.
const (
	number  = "short"
	seconds = "s"
	bytesOf = "bytes"
	perSec  = "ops"
)

// Programs are recognised by a metric that only they have: the names of jobs differ from
// one installation to the next.
const (
	ofAgent   = ` and on (job, instance) leader_election_master_status{name="rcroll-agent"}`
	ofWebhook = ` and on (job, instance) rcroll_certificate_expiry_timestamp_seconds`
)

// rate and increase are over an interval that Grafana chooses.
func rate(by, series string) string {
	return fmt.Sprintf("sum by (%s) (rate(%s[$__rate_interval]))", by, series)
}

func increase(by, series string) string {
	return fmt.Sprintf("sum by (%s) (increase(%s[$__rate_interval]))", by, series)
}

// quantiles are lines of a histogram: the median and the slowest.
func quantiles(by, histogram, legend string) []query {
	var queries []query
	for _, q := range []string{"0.5", "0.95", "0.99"} {
		queries = append(queries, query{
			fmt.Sprintf("histogram_quantile(%s, sum by (%s) (rate(%s[$__rate_interval])))", q, by, histogram), q + legend,
		})
	}
	return queries
}

var rows = []row{
	{"Now", 4, []panel{
		{"In flight", "Rolling updates that are requested and not yet over", stat, number,
			[]query{{"sum(rcroll_agent_rollouts_in_flight)", ""}}},
		{"Not begun", "Requests that the agent has not looked at", stat, number,
			[]query{{`sum(rcroll_agent_rollouts_in_flight{reason="Pending"})`, ""}}},
		{"Waiting", "Rolling updates that are paused, degraded or stalled", stat, number,
			[]query{{"sum(rcroll_agent_rollouts_waiting)", ""}}},
		{"Oldest request", "Age of the oldest request of a rolling update in flight", stat, seconds,
			[]query{{"time() - min(rcroll_agent_oldest_request_timestamp_seconds)", ""}}},
		{"Agents that lead", "1, unless nobody acts", stat, number,
			[]query{{`sum(leader_election_master_status{name="rcroll-agent"})`, ""}}},
		{"Certificate expires in", "It is renewed when 90 days are left", stat, seconds,
			[]query{{"min(rcroll_certificate_expiry_timestamp_seconds) - time()", ""}}},
	}},
	{"Rolling updates", 8, []panel{
		{"Started and ended", "By result", timeseries, number, []query{
			{"sum(increase(rcroll_agent_rollouts_started_total[$__rate_interval]))", "started"},
			{increase("result", "rcroll_agent_rollouts_ended_total"), "{{result}}"},
		}},
		{"In flight", "By the reason of the condition Progressing", timeseries, number,
			[]query{{"sum by (reason) (rcroll_agent_rollouts_in_flight)", "{{reason}}"}}},
		{"Waiting", "By why", timeseries, number,
			[]query{{"sum by (reason) (rcroll_agent_rollouts_waiting)", "{{reason}}"}}},
		{"Stalled", "Each time that one stalls, by the reason of the condition Progressing", timeseries, number,
			[]query{{increase("reason", "rcroll_agent_rollouts_stalled_total"), "{{reason}}"}}},
	}},
	{"Duration and size", 8, []panel{
		{"Duration", "Of rolling updates that succeeded", timeseries, seconds,
			quantiles("le", `rcroll_agent_rollout_duration_seconds_bucket{result="Succeeded"}`, "")},
		{"Pods", "Of ReplicationControllers whose rolling update succeeded", timeseries, number,
			quantiles("le", "rcroll_agent_rollout_pods_bucket", "")},
		{"Pods replaced", "Per second, by rolling updates that succeeded", timeseries, perSec,
			[]query{{"sum(rate(rcroll_agent_rollout_pods_sum[$__rate_interval]))", "pods"}}},
	}},
	{"Admission", 8, []panel{
		{"Reviews", "By what the write was taken for", timeseries, perSec,
			[]query{{rate("meaning", "rcroll_webhook_review_seconds_count"), "{{meaning}}"}}},
		{"Latency of reviews", "The API server's verdict included", timeseries, seconds,
			quantiles("le, resource", "rcroll_webhook_review_seconds_bucket", " {{resource}}")},
		{"Verdicts", "By the name in which the API server was asked, and the outcome", timeseries, perSec,
			[]query{{rate("as, outcome", "rcroll_webhook_verdicts_total"), "as {{as}}: {{outcome}}"}}},
		{"Latency of verdicts", "The part of a review that is the API server's", timeseries, seconds,
			quantiles("le", "rcroll_webhook_verdict_seconds_bucket", "")},
	}},
	{"Rights on policies", 8, []panel{
		{"Overrides", "Policies that edits asked to override, by whether their user has the right to", timeseries, number,
			[]query{{increase("outcome", "rcroll_webhook_overrides_total"), "{{outcome}}"}}},
		{"Approvals", "Edits that approved a step, by whether their user has the right to", timeseries, number,
			[]query{{increase("outcome", "rcroll_webhook_approvals_total"), "{{outcome}}"}}},
	}},
	{"What goes wrong", 8, []panel{
		{"Commands", "Of the agent to the webhook, by outcome", timeseries, perSec,
			[]query{{rate("outcome", "rcroll_agent_commands_total"), "{{outcome}}"}}},
		{"Steps that failed", "By what was to be written", timeseries, number,
			[]query{{increase("action", "rcroll_agent_steps_failed_total"), "{{action}}"}}},
		{"Reviews turned away", "By why", timeseries, number,
			[]query{{increase("reason", "rcroll_webhook_reviews_turned_away_total"), "{{reason}}"}}},
		{"Calls that failed", "Of the API server to the webhook, if Prometheus scrapes the API server", timeseries, number,
			[]query{{increase("name", `apiserver_admission_webhook_rejection_count{name=~"(rc|scale).rcroll.dev",error_type="calling_webhook_error"}`), "{{name}}"}}},
	}},
	{"Programs", 8, []panel{
		{"Leader", "The agent that acts", timeseries, number,
			[]query{{`leader_election_master_status{name="rcroll-agent"}`, "{{instance}}"}}},
		{"Memory", "", timeseries, bytesOf, []query{
			{"process_resident_memory_bytes" + ofAgent, "agent {{instance}}"},
			{"process_resident_memory_bytes" + ofWebhook, "webhook {{instance}}"},
		}},
		{"CPU", "Seconds per second", timeseries, seconds, []query{
			{"rate(process_cpu_seconds_total[$__rate_interval])" + ofAgent, "agent {{instance}}"},
			{"rate(process_cpu_seconds_total[$__rate_interval])" + ofWebhook, "webhook {{instance}}"},
		}},
		{"Queue of the agent", "Rolling updates that wait for their turn", timeseries, number,
			[]query{{`workqueue_depth{name="rollout"}`, "{{instance}}"}}},
	}},
}
