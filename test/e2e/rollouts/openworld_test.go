package rollouts

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	corev1 "k8s.io/api/core/v1"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
	"github.com/rcroll/rcroll/test/observe"
)

// slowly is tomcat with an update period that leaves time for edits half-way.
func slowly(t *testing.T, edits ...manifest.Edit) manifest.RC {
	return manifest.Tomcat(t, append([]manifest.Edit{manifest.Annotated(api.UpdatePeriodAnnotation, "2s")}, edits...)...)
}

// givenHalfway is a rollout of tomcat to 8 with no more than 3 old pods left.
func givenHalfway(t *testing.T, edits ...manifest.Edit) *scenario {
	t.Helper()
	s := given(t, slowly(t, edits...))
	s.SetImage("tomcat=tomcat:8")
	s.Await("3 old pods are left", func(m observe.Moment) bool { return m.RC.Replicas() <= 3 })
	return s
}

// Of two ports with one number, an edit half-way renames the one that is meant, and so
// does one more, which sees the live names.
func TestEditOneOfTwoPortsHalfway(t *testing.T) {
	t.Parallel()
	s := givenHalfway(t, func(rc manifest.RC) {
		rc.Containers("containers")[0]["ports"] = []any{
			map[string]any{"containerPort": int64(53), "name": "dns", "protocol": "UDP"},
			map[string]any{"containerPort": int64(53), "name": "dns-tcp", "protocol": "TCP"},
		}
	})
	for port, name := range []string{"udp", "tcp"} {
		s.Kubectl("patch", s.Ref(), "--type=json", "-p",
			fmt.Sprintf(`[{"op":"replace","path":"/spec/template/spec/containers/0/ports/%d/name","value":"%s"}]`, port, name))
	}
	s.AwaitRollout("tomcat:8", 5)
	assert.Equal(t, []corev1.ContainerPort{
		{Name: "udp", ContainerPort: 53, Protocol: corev1.ProtocolUDP}, {Name: "tcp", ContainerPort: 53, Protocol: corev1.ProtocolTCP},
	}, s.Stored().Spec.Template.Spec.Containers[0].Ports)
}

// Two variables are removed half-way, one after the other: what is requested then is
// what the API server would store, and the rollout ends.
func TestRemoveAllVariablesHalfway(t *testing.T) {
	t.Parallel()
	s := givenHalfway(t, func(rc manifest.RC) {
		rc.Containers("containers")[0]["env"] = []any{map[string]any{"name": "DEBUG", "value": "1"}, map[string]any{"name": "TRACE", "value": "1"}}
	})
	s.Kubectl("set", "env", s.Ref(), "DEBUG-")
	s.Kubectl("set", "env", s.Ref(), "TRACE-")
	assert.NotContains(t, s.Stored().Annotations[api.RequestAnnotation], `"env"`)
	s.AwaitRollout("tomcat:8", 5)
	assert.Empty(t, s.Stored().Spec.Template.Spec.Containers[0].Env)
}

// A copy of the live object that comes back edited is an edit: it has the old image and
// a share of the replicas, and means neither.
func TestCopiesHalfway(t *testing.T) {
	t.Parallel()
	replace := func(drop ...string) func(*scenario) {
		return func(s *scenario) {
			s.Helper()
			shown := manifest.Parse(s, s.Kubectl("get", s.Ref(), "-o", "yaml").Stdout).With(manifest.Env("MODE", "new"))
			delete(shown, "status")
			for _, field := range drop {
				delete(shown.Metadata(), field)
			}
			s.KubectlWithInput(shown.YAML(s), "replace", "-f", "-")
		}
	}
	for name, edit := range map[string]func(*scenario){
		"kubectl edit --save-config": func(s *scenario) {
			s.Editor = `sed -E -i 's/^( *)- image: (.*)/\1- image: \2\n\1  env: [{name: MODE, value: new}]/'`
			s.Kubectl("edit", s.Ref(), "--save-config")
		},
		"kubectl replace": replace("resourceVersion"),
		"kubectl replace, without the server's fields":  replace("uid", "resourceVersion", "generation", "creationTimestamp"),
		"kubectl replace, without annotations, besides": replace("uid", "resourceVersion", "generation", "creationTimestamp", "annotations"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := givenHalfway(t)
			edit(s)
			s.AwaitRollout("tomcat:8", 5)
			assert.Equal(t, []corev1.EnvVar{{Name: "MODE", Value: "new"}}, s.Stored().Spec.Template.Spec.Containers[0].Env)
		})
	}
}

// An export from the middle of a rollout is created as what was asked for, and as what
// it was edited to be.
func TestExportCreatedElsewhere(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edits []manifest.Edit
		says  string
		image string
	}{
		"as it is": {nil, "created as it was requested", "tomcat:8"},
		"edited":   {[]manifest.Edit{manifest.Image("tomcat:9")}, "created with the template that it has (tomcat:9)", "tomcat:9"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := givenHalfway(t)
			elsewhere := newScenario(t)
			out := elsewhere.KubectlWithInput(s.exported().With(c.edits...).YAML(t), "create", "-f", "-")
			assert.Contains(t, out.Stderr, "Warning: rc/tomcat: this is an ")
			assert.Contains(t, out.Stderr, c.says)
			elsewhere.Await("it serves what was meant", harness.Serves(c.image, 5))
		})
	}
}

// exported is what a backup has of the ReplicationController.
func (s *scenario) exported() manifest.RC {
	s.Helper()
	export := manifest.Parse(s, s.Kubectl("get", s.Ref(), "-o", "json").Stdout)
	delete(export, "status")
	for _, field := range []string{"uid", "resourceVersion", "namespace"} {
		delete(export.Metadata(), field)
	}
	return export
}

// Scripts that edit all ReplicationControllers, or those with a label, mean the user's.
func TestBulkEditsHalfway(t *testing.T) {
	t.Parallel()
	s := givenHalfway(t)
	owned := s.Now().Owned()
	says := "Warning: rc/" + owned[0].Name + ": not changed: it is managed by rcroll for rc/tomcat; edit rc/tomcat instead"
	out := s.Kubectl("set", "image", "rc", "--all", "*=tomcat:9")
	assert.Equal(t, 1, strings.Count(out.Stderr, says), out.Stderr)
	s.Kubectl("scale", "rc", "-l", "app=tomcat", "--replicas=4")
	s.AwaitRollout("tomcat:9", 4)
}

// Several apply one ReplicationController server-side, each its container. Whoever applies
// the same again, as operators do all the time, cancels nothing.
func TestSeveralApply(t *testing.T) {
	t.Parallel()
	m := manifest.Tomcat(t)
	s := given(t, m, harness.ServerSide, "--field-manager=flux")
	mesh := func(image string) {
		s.KubectlWithInput(fmt.Sprintf(`{apiVersion: v1, kind: ReplicationController, metadata: {name: tomcat}, spec: {template: {spec: {containers: [{name: sidecar, image: %q}]}}}}`, image),
			"apply", harness.ServerSide, "--field-manager=mesh", "-f", "-")
	}
	mesh("proxy:1")
	s.AwaitRollout("tomcat:7,proxy:1", 5)
	s.Apply(m.With(manifest.Image("tomcat:8")), harness.ServerSide, "--field-manager=flux")
	s.AwaitHalfway("tomcat:8,proxy:1")
	mesh("proxy:1")
	assert.Contains(t, s.Stored().Annotations[api.RequestAnnotation], "tomcat:8")
	mesh("proxy:2")
	s.AwaitRollout("tomcat:8,proxy:2", 5)
}

// Who edits what was applied last, in the middle of a rollout, declares nothing.
func TestEditLastApplied(t *testing.T) {
	t.Parallel()
	s := givenHalfway(t)
	s.Editor = `sed -i 's/^  name: tomcat$/  name: tomcat\n  labels: {team: a}/'`
	s.Kubectl("apply", "edit-last-applied", s.Ref())
	assert.Contains(t, s.Stored().Annotations[corev1.LastAppliedConfigAnnotation], "team")
	assert.Contains(t, s.Stored().Annotations[api.RequestAnnotation], "tomcat:8")
	s.AwaitRollout("tomcat:8", 5)
}
