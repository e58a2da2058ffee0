{{/* The reference of an image: root is the context, image the values of the component's image. */}}
{{- define "rcroll.image" -}}
{{- printf "%s/%s" .root.Values.image.registry .image.repository -}}
{{- if .image.digest -}}
{{- printf "@%s" .image.digest -}}
{{- else -}}
{{- printf ":%s" (.root.Values.image.tag | default .root.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* GOMEMLIMIT for resources: 90% of the limit, so that garbage is collected before the process is killed for it. */}}
{{- define "rcroll.memoryLimit" -}}
{{- $limit := toString (dig "limits" "memory" "" .) -}}
{{- if hasSuffix "Gi" $limit -}}
{{- printf "%dMiB" (int (floor (mulf 921.6 (float64 (trimSuffix "Gi" $limit))))) -}}
{{- else if hasSuffix "Mi" $limit -}}
{{- printf "%dMiB" (int (floor (mulf 0.9 (float64 (trimSuffix "Mi" $limit))))) -}}
{{- end -}}
{{- end -}}

{{/* The labels of what has no manifest in manifests/base. */}}
{{- define "rcroll.labels" -}}
app.kubernetes.io/name: rcroll
app.kubernetes.io/part-of: rcroll
{{- end -}}
