package main

// endOfFile stands behind the last line while the rules are applied.
const endOfFile = "\x00"

// rule replaces a text of a manifest, which is there once if times is 0.
type rule struct {
	old, new string
	times    int
}

// rules are those of each manifest. The namespace is replaced in all of them.
var rules = map[string][]rule{
	"namespace.yaml":              namespaceRules,
	"webhook-deployment.yaml":     append(deploymentRules("webhook"), webhookRules...),
	"agent-deployment.yaml":       append(deploymentRules("agent"), agentRules...),
	"network-policies.yaml":       networkPolicyRules,
	"webhook-configuration.yaml":  configurationRules,
	"policies/accounts.yaml":      {outOfSight},
	"policies/reserved-keys.yaml": {outOfSight},
	"policies/handover.yaml":      handoverRules,
	"policies/scale.yaml":         {optOut("      ", 1)},
	"policies/owners.yaml":        {optOut("      ", 1)},
	"crds/rcroll.dev_rolloutpolicies.yaml": {
		{old: "---\napiVersion", new: "{{- if .Values.crds.enabled }}\napiVersion"},
		{old: "  annotations:\n", new: `  annotations:
    {{- if .Values.crds.keep }}
    helm.sh/resource-policy: keep
    {{- end }}
`},
		{old: "  name: rolloutpolicies.rcroll.dev\n", new: `  labels:
    app.kubernetes.io/part-of: rcroll
  name: rolloutpolicies.rcroll.dev
`},
		{old: endOfFile, new: "{{- end }}\n"},
	},
	"policies/selectors.yaml": {{old: `"'deployment'"`, new: `{{ printf "'%s'" .Values.hashKey | quote }}`}},
}

// outOfSight is what policies say of a namespace that is not opted in.
var outOfSight = rule{
	old: `namespaceObject.metadata.?labels[?'rcroll.dev/enabled'].orValue('') == 'false'`,
	new: `namespaceObject.metadata.?labels[?'rcroll.dev/enabled'].orValue('') {{ ternary "!= 'true'" "== 'false'" .Values.optIn }}`,
}

// optOut is the selector of namespaces.
func optOut(indent string, times int) rule {
	return rule{
		old: indent + "- key: rcroll.dev/enabled\n" + indent + "  operator: NotIn\n" + indent + `  values: ["false"]` + "\n",
		new: indent + "- key: rcroll.dev/enabled\n" +
			indent + `  operator: {{ ternary "In" "NotIn" .Values.optIn }}` + "\n" +
			indent + `  values: [{{ ternary "true" "false" .Values.optIn | quote }}]` + "\n",
		times: times,
	}
}

// The release's namespace is made by who installs the release.
var namespaceRules = []rule{
	{old: `apiVersion: v1
kind: Namespace
metadata:
  name: rcroll-system
  labels:
    app.kubernetes.io/name: rcroll
    app.kubernetes.io/part-of: rcroll
    # Webhook and agent need nothing that a pod could be refused for.
    pod-security.kubernetes.io/enforce: restricted
    pod-security.kubernetes.io/audit: restricted
    pod-security.kubernetes.io/warn: restricted
---
`, new: "{{- if and .Values.priorityClass.name .Values.priorityClass.quota }}\n"},
	{old: "values: [system-cluster-critical]\n", new: "values: [{{ .Values.priorityClass.name | quote }}]\n{{- end }}\n"},
}

// deploymentRules are those that the Deployments have in common.
func deploymentRules(component string) []rule {
	values := ".Values." + component
	return []rule{
		{old: "replicas: 2\n", new: "replicas: {{ " + values + ".replicas }}\n"},
		{old: "      serviceAccountName: rcroll-" + component + "\n", new: "      serviceAccountName: rcroll-" + component + `
      {{- with .Values.image.pullSecrets }}
      imagePullSecrets:
      {{- toYaml . | nindent 6 }}
      {{- end }}
`},
		{old: "      priorityClassName: system-cluster-critical", new: `      {{- with .Values.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.tolerations }}
      tolerations:
      {{- toYaml . | nindent 6 }}
      {{- end }}
      priorityClassName: {{ .Values.priorityClass.name | quote }}`},
		{old: "        image: ghcr.io/rcroll/rcroll-" + component + "\n", new: `        image: {{ include "rcroll.image" (dict "root" . "image" ` + values + `.image) | quote }}
        {{- with .Values.image.pullPolicy }}
        imagePullPolicy: {{ . }}
        {{- end }}
`},
		{old: "          value: 230MiB\n", new: `          value: {{ include "rcroll.memoryLimit" ` + values + `.resources | quote }}` + "\n"},
		{old: `        resources:
          requests:
            cpu: 50m
            memory: 64Mi
          limits:
            memory: 256Mi
`, new: "        resources:\n          {{- toYaml " + values + ".resources | nindent 10 }}\n"},
		{old: "---\napiVersion: policy/v1\n", new: "{{- if gt (int " + values + ".replicas) 1 }}\n---\napiVersion: policy/v1\n"},
		{old: "      app.kubernetes.io/component: " + component + "\n" + endOfFile, new: "      app.kubernetes.io/component: " + component + "\n{{- end }}\n"},
	}
}

// commonArgs are the flags that webhook and agent both have.
const commonArgs = `        {{- if ne .Values.hashKey "deployment" }}
        - --hash-label-key={{ .Values.hashKey }}
        {{- end }}
        {{- if ne .Values.logLevel "info" }}
        - --log-level={{ .Values.logLevel }}
        {{- end }}
`

var agentRules = []rule{
	{old: "        runAsUser: 65532\n        runAsGroup: 65532\n", new: `        {{- if not .Values.openshift }}
        runAsUser: 65532
        runAsGroup: 65532
        {{- end }}
`},
	{old: "        - --leader-elect\n", new: "        - --leader-elect\n" + commonArgs + `        {{- if ne (int .Values.revisionHistoryLimit) 10 }}
        - --revision-history-limit={{ int .Values.revisionHistoryLimit }}
        {{- end }}
`},
}

const portReason = "the port that firewalls of private clusters let the control plane reach on nodes\n"

var webhookRules = []rule{
	{old: "        runAsUser: 65532\n        runAsGroup: 65532\n        fsGroup: 65532\n", new: `        {{- if not .Values.openshift }}
        runAsUser: 65532
        runAsGroup: 65532
        fsGroup: 65532
        {{- end }}
`},
	{old: "        - --port=10250 # " + portReason, new: "        - --port={{ .Values.webhook.port }} # " + portReason + commonArgs + `        {{- if ne .Values.trigger "image" }}
        - --trigger={{ .Values.trigger }}
        {{- end }}
`},
	{old: "containerPort: 10250", new: "containerPort: {{ .Values.webhook.port }}"},
	{old: "      enableServiceLinks: false\n", new: `      enableServiceLinks: false
      {{- if .Values.webhook.hostNetwork }}
      hostNetwork: true
      dnsPolicy: ClusterFirstWithHostNet
      {{- end }}
`},
}

var networkPolicyRules = []rule{
	{old: "# Who may connect", new: "{{- if .Values.networkPolicy.enabled }}\n# Who may connect"},
	{old: "  - ports:\n    - port: webhook\n", new: `  - ports:
    - port: webhook
    {{- with .Values.networkPolicy.webhookFrom }}
    from:
    {{- toYaml . | nindent 4 }}
    {{- end }}
`},
	{old: `    from: # kubectl label namespace/monitoring metrics=enabled
    - namespaceSelector:
        matchLabels:
          metrics: enabled
`, new: "    from: # kubectl label namespace/monitoring metrics=enabled\n    {{- toYaml .Values.networkPolicy.metricsFrom | nindent 4 }}\n"},
	{old: `    from:
    - namespaceSelector:
        matchLabels:
          metrics: enabled
` + endOfFile, new: "    from:\n    {{- toYaml .Values.networkPolicy.metricsFrom | nindent 4 }}\n{{- end }}\n"},
}

var configurationRules = []rule{
	optOut("    ", 2),
	{old: "  name: rcroll\n  labels:\n", new: `  name: rcroll
  {{- if .Values.aks }}
  annotations:
    admissions.enforcer/disabled: "true" # else AKS puts a namespaceSelector of its own in place of this one
  {{- end }}
  labels:
`},
}

// Before Kubernetes 1.36 the mutating policy is not served as v1, and rcroll can do without.
var handoverRules = []rule{
	{old: "---\napiVersion: admissionregistration.k8s.io/v1\nkind: MutatingAdmissionPolicy\n",
		new: "{{- if semverCompare \">=1.36.0-0\" .Capabilities.KubeVersion.Version }}\n---\napiVersion: admissionregistration.k8s.io/v1\nkind: MutatingAdmissionPolicy\n"},
	{old: endOfFile, new: "{{- end }}\n"},
}
