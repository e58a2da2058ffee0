package matrix

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	"sigs.k8s.io/yaml"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
	"github.com/rcroll/rcroll/test/golden"
	"github.com/rcroll/rcroll/test/observe"
)

// newImage is where edits go that go on; oldImage where those go that go back.
const (
	newImage = "tomcat:9"
	oldImage = "tomcat:7"
)

// anyPods is the turnover of what takes a rollout along that does not get anywhere.
var anyPods = &turnover{observe.Any, observe.Any}

// kubectl is an edit by that command.
func kubectl(args ...string) func(*attempt) answer {
	return func(a *attempt) answer { return a.runKubectl("", args...) }
}

// refused is an edit that is refused at any moment, in these words.
func refused(name, says string, edit func(*attempt) answer) row {
	return row{name: name, edit: edit, sharing: true, cells: everywhere(cell{means: refuses, says: says})}
}

// rows are the edits.
func rows() []row {
	var all []row
	for _, group := range [][]row{imperativeRows(), partialRows(), scaleRows(), declaredRows(), deletionRows(), metadataRows(), invalidRows(), settingRows(), ownRows()} {
		all = append(all, group...)
	}
	return all
}

// allCells are the cells of the moments, in their order.
func allCells(cells ...cell) map[string]cell {
	byName := map[string]cell{}
	for i, cell := range cells {
		byName[moments[i].name] = cell
	}
	return byName
}

// but replaces some cells.
func but(cells map[string]cell, others map[string]cell) map[string]cell {
	for name, cell := range others {
		cells[name] = cell
	}
	return cells
}

func everywhere(c cell) map[string]cell { return allCells(c, c, c, c, c) }

func means(words ...meaning) map[string]cell {
	cells := make([]cell, len(words))
	for i, word := range words {
		cells[i] = cell{means: word}
	}
	return allCells(cells...)
}

func mode(value string) func(*golden.State) {
	return func(state *golden.State) { state.Mode = value }
}

// imperativeRows are clients that change one thing, whatever else is asked for.
func imperativeRows() []row {
	one := func(a *attempt, to string) answer { return a.runKubectl("", "set", "image", a.Ref(), "tomcat="+to) }
	edit := func(flags ...string) func(*attempt, string) answer {
		return func(a *attempt, to string) answer {
			a.Editor = "sed -i s/image:.tomcat:.*/image:\\ " + to + "/"
			return a.runKubectl("", append([]string{"edit", a.Ref()}, flags...)...)
		}
	}
	replaceShown := func(a *attempt, to string) answer {
		shown := a.shown().With(manifest.Image(to))
		delete(shown.Metadata(), "resourceVersion") // The status may be written meanwhile.
		return a.runKubectl(shown.YAML(a), "replace", "-f", "-")
	}
	patch := func(format string, flags ...string) func(*attempt, string) answer {
		return func(a *attempt, to string) answer {
			return a.runKubectl("", append([]string{"patch", a.Ref(), "-p", fmt.Sprintf(format, to)}, flags...)...)
		}
	}
	put := func(a *attempt, to string) answer {
		return a.put(func(rc *corev1.ReplicationController) { rc.Spec.Template.Spec.Containers[0].Image = to })
	}
	const sends, sendsNothing = true, false
	// A merge patch replaces the list of containers, the variable of the last rollout included.
	forgets := map[string]cell{promoting: {means: waits, except: mode("")}, after: {means: rollsOut, except: mode("")}}
	rows := imperative("kubectl set image", one, sendsNothing, nil)
	rows = append(rows, imperative("kubectl edit", edit(), sendsNothing, nil)...)
	rows = append(rows, imperative("kubectl edit --save-config", edit("--save-config"), sendsNothing, nil)...)
	rows = append(rows, imperative("kubectl replace, what kubectl get shows", replaceShown, sends, nil)...)
	rows = append(rows, imperative("kubectl patch", patch(
		`{"spec":{"template":{"spec":{"containers":[{"name":"tomcat","image":"%s"}]}}}}`), sends, nil)...)
	rows = append(rows, imperative("kubectl patch --type=merge", patch(
		`{"spec":{"template":{"spec":{"containers":[{"name":"tomcat","image":"%s","ports":[{"containerPort":8080}]}]}}}}`, "--type=merge"), sends, forgets)...)
	rows = append(rows, imperative("kubectl patch --type=json", patch(
		`[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"%s"}]`, "--type=json"), sends, nil)...)
	rows = append(rows, imperative("a controller's read-modify-write", put, sends, nil)...)
	// This one applies its manifests and writes back what it read, all in one name.
	both := row{name: "a read-modify-write of the environment by who also applies"}
	both.create, both.send = creating(applyAs("operator")), applyAs("operator")
	both.edit = func(a *attempt) answer {
		return a.put(func(rc *corev1.ReplicationController) {
			rc.Spec.Template.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "MODE", Value: "new"}}
		})
	}
	both.change = func(_ *attempt, state *golden.State) { state.Mode = "new" }
	both.cells = unrolled(but(means(passes, adds, waits, passes, adds), map[string]cell{failed: {means: adds, turnover: anyPods}}))
	return append(append(rows, both), containerRows()...)
}

// notReplaced is what is said of a change of the template that no rollout begins with.
const notReplaced = "no pods are replaced"

// unrolled adds that to the cells that pass.
func unrolled(cells map[string]cell) map[string]cell {
	for moment, c := range cells {
		if c.means == passes {
			c.says = notReplaced
			cells[moment] = c
		}
	}
	return cells
}

// imperative are an edit to a new image and one back to the old image. A client that
// compares with the live object has nothing to send while that is what is live.
func imperative(name string, edit func(*attempt, string) answer, sends bool, except map[string]cell) []row {
	to := func(image string) row {
		return row{
			edit:   func(a *attempt) answer { return edit(a, image) },
			change: func(_ *attempt, state *golden.State) { state.Images = image },
		}
	}
	on, back := to(newImage), to(oldImage)
	on.name, back.name = name+", a new image", name+", the old image"
	on.cells = but(means(rollsOut, adds, waits, rollsOut, adds), except)
	nothing := cell{means: unsent}
	if sends {
		nothing = cell{means: goesOn, says: "to cancel it: kubectl annotate rc/tomcat rcroll.dev/request-"}
	}
	back.cells = but(allCells(cell{means: goesOn}, nothing, cell{means: waits}, cell{means: rollsOut}, nothing), except)
	return []row{on, back}
}

// containerRows edit other containers than the first.
func containerRows() []row {
	every := func(to string) []manifest.Edit {
		return []manifest.Edit{func(rc manifest.RC) {
			for _, field := range []string{"containers", "initContainers"} {
				for _, container := range rc.Containers(field) {
					container["image"] = to
				}
			}
		}}
	}
	return []row{
		{
			name:   "kubectl set image, all containers",
			shape:  []manifest.Edit{manifest.Container("containers", "proxy", oldImage), manifest.Container("initContainers", "setup", oldImage)},
			rollTo: every,
			edit:   func(a *attempt) answer { return a.runKubectl("", "set", "image", a.Ref(), "*="+newImage) },
			change: func(_ *attempt, state *golden.State) { state.Images = newImage + "," + newImage + "," + newImage },
			cells:  means(rollsOut, adds, waits, rollsOut, adds),
		},
		{
			name:  "kubectl set image, an init container",
			shape: []manifest.Edit{manifest.Container("initContainers", "setup", "setup:1")},
			edit:  func(a *attempt) answer { return a.runKubectl("", "set", "image", a.Ref(), "setup=setup:2") },
			change: func(_ *attempt, state *golden.State) {
				state.Images = strings.Replace(state.Images, "setup:1", "setup:2", 1)
			},
			cells: but(means(rollsOut, adds, waits, rollsOut, adds), map[string]cell{failed: {means: adds, turnover: anyPods}}),
		},
	}
}

// partialRows edit something else than an image.
func partialRows() []row {
	cells := func() map[string]cell {
		return but(means(passes, adds, waits, passes, adds), map[string]cell{failed: {means: adds, turnover: anyPods}})
	}
	const taken = "rcroll keeps the hash of the pod template in the label"
	return []row{
		{
			name:   "kubectl set env",
			edit:   func(a *attempt) answer { return a.runKubectl("", "set", "env", a.Ref(), "MODE=new") },
			change: func(_ *attempt, state *golden.State) { state.Mode = "new" },
			cells:  unrolled(cells()),
		},
		{
			name: "kubectl patch, a label of the template",
			edit: func(a *attempt) answer {
				return a.runKubectl("", "patch", a.Ref(), "-p", `{"spec":{"template":{"metadata":{"labels":{"tier":"web"}}}}}`)
			},
			change: func(_ *attempt, state *golden.State) { state.Tier = "web" },
			cells:  unrolled(cells()),
		},
		{
			name: "kubectl patch, a label deployment of the template",
			edit: func(a *attempt) answer {
				return a.runKubectl("", "patch", a.Ref(), "-p", `{"spec":{"template":{"metadata":{"labels":{"`+api.DefaultHashLabelKey+`":"mine"}}}}}`)
			},
			cells: allCells(cell{means: passes, says: notReplaced}, cell{means: refuses, says: taken}, cell{means: refuses, says: taken},
				cell{means: refuses, says: "holds the hash of the pod template and may only be set by rcroll"}, cell{means: refuses, says: taken}),
		},
		{
			name:  "kubectl set image, with 0 replicas",
			shape: []manifest.Edit{manifest.Replicas(0)},
			edit:  func(a *attempt) answer { return a.runKubectl("", "set", "image", a.Ref(), "tomcat="+newImage) },
			change: func(_ *attempt, state *golden.State) {
				state.Images = newImage
			},
			cells: but(everywhere(cell{means: notApplicable, note: "without pods there is nothing to roll"}), map[string]cell{before: {means: passes}}),
		},
	}
}

// scaleRows change the number of pods. Those of a rollout under way are the agent's.
func scaleRows() []row {
	up := func(a *attempt) int32 { return int32(a.moment.replicas + 2) }
	down := func(a *attempt) int32 { return int32(a.moment.replicas - 1) }
	scaled := func(to func(*attempt) int32) func(*attempt, *golden.State) {
		return func(a *attempt, state *golden.State) { state.Replicas = to(a) }
	}
	scale := func(to func(*attempt) int32, flags ...string) func(*attempt) answer {
		return func(a *attempt) answer {
			return a.runKubectl("", append([]string{"scale", a.Ref(), fmt.Sprintf("--replicas=%d", to(a))}, flags...)...)
		}
	}
	write := func(to func(*attempt) int32) func(*attempt) answer {
		return func(a *attempt) answer { return a.scaleAs(autoscaler, to(a)) }
	}
	ups := func() map[string]cell {
		two := &turnover{2, 0}
		return allCells(cell{means: passes, turnover: two}, cell{means: adds, turnover: &turnover{5, 3}},
			cell{means: adds, turnover: two}, cell{means: passes, turnover: two}, cell{means: adds, turnover: anyPods})
	}
	one := &turnover{0, 1}
	passing := cell{means: passes, turnover: one}
	held := cell{means: goesOn, says: "the autoscaler's scale-down is deferred"}
	guarded := func(a *attempt) answer {
		return scale(up, fmt.Sprintf("--current-replicas=%d", a.moment.replicas))(a)
	}
	return []row{
		{name: "kubectl scale, up", edit: scale(up), change: scaled(up), cells: ups()},
		{
			name: "kubectl scale, down", edit: scale(down), change: scaled(down),
			cells: allCells(passing, cell{means: adds, turnover: &turnover{2, 3}}, cell{means: adds, turnover: one}, passing,
				cell{means: adds, turnover: anyPods}),
		},
		{
			name: "kubectl scale --current-replicas", edit: guarded, change: scaled(up),
			cells: but(ups(), map[string]cell{
				underWay:  {means: refuses, says: "Expected replicas to be 5, was 3"},
				promoting: {means: refuses, says: "Expected replicas to be 2, was 0"},
			}),
		},
		{
			name: "kubectl patch, replicas",
			edit: func(a *attempt) answer {
				return a.runKubectl("", "patch", a.Ref(), "-p", fmt.Sprintf(`{"spec":{"replicas":%d}}`, up(a)))
			},
			change: scaled(up), cells: ups(),
		},
		{name: "an autoscaler, up", edit: write(up), change: scaled(up), cells: ups()},
		{
			name: "an autoscaler, down", edit: write(down), change: scaled(down),
			cells: allCells(passing, held, held, passing, held),
		},
	}
}

// deletionRows end it all. While the pods are handed over a deletion is refused with
// the advice to try again, which clients follow by themselves.
func deletionRows() []row {
	remove := func(cascade string) func(*attempt) answer {
		return func(a *attempt) answer {
			a.releaseSoon()
			return a.runKubectl("", "delete", a.Ref(), "--wait=false", "--cascade="+cascade)
		}
	}
	late := func(means meaning) map[string]cell {
		return but(everywhere(cell{means: means}), map[string]cell{promoting: {means: means, note: "when the promotion has ended: " +
			"clients are told to try again in a second, and do so by themselves for some ten seconds"}})
	}
	return []row{
		{name: "kubectl delete", edit: remove("background"), cells: late(removes)},
		{name: "kubectl delete --cascade=foreground", edit: remove("foreground"), cells: late(removes)},
		{name: "kubectl delete --cascade=orphan", edit: remove("orphan"), cells: late(orphans)},
		{
			name: "kubectl replace --force",
			edit: func(a *attempt) answer {
				a.releaseSoon()
				return a.runKubectl(a.first.With(manifest.Image(newImage)).YAML(a), "replace", "--force", "-f", "-")
			},
			change: func(a *attempt, state *golden.State) { *state = a.stateOf(a.first.With(manifest.Image(newImage))) },
			cells:  late(recreates),
		},
		{
			// An export from the middle of a rollout that was edited is created as it was edited,
			// and has all the pods.
			name: "kubectl replace --force, what kubectl get shows and a new image",
			edit: func(a *attempt) answer {
				shown := a.shown().With(manifest.Image(newImage))
				a.releaseSoon()
				return a.runKubectl(shown.YAML(a), "replace", "--force", "-f", "-")
			},
			change: func(a *attempt, state *golden.State) {
				state.Images = newImage
				if a.moment.name == underWay || a.moment.name == failed {
					state.Mode = "" // It is not live yet.
				}
			},
			cells: fromExport(late(recreates)),
		},
	}
}

// fromExport adds what is said of exports from the middle of a rollout.
func fromExport(cells map[string]cell) map[string]cell {
	for _, moment := range []string{underWay, promoting, failed} {
		c := cells[moment]
		c.says = "created with the template that it has (" + newImage + "), and with the "
		cells[moment] = c
	}
	return cells
}

// releaseSoon lets a promotion that is held go on while the edit waits for that.
func (a *attempt) releaseSoon() {
	if a.moment.name == promoting {
		release := time.AfterFunc(1500*time.Millisecond, a.release)
		a.Cleanup(func() { release.Stop() })
	}
}

// metadataRows change what is none of a rollout's business.
func metadataRows() []row {
	const ref = "rc/tomcat"
	rows := []row{
		{name: "kubectl annotate", edit: kubectl("annotate", ref, "example.com/note=mine")},
		{name: "kubectl label", edit: kubectl("label", ref, "team=web")},
		{
			// The copy of the manifest becomes one that was not applied.
			name: "kubectl apply set-last-applied, a new image",
			edit: func(a *attempt) answer {
				return a.runKubectl(onward(a).YAML(a), "apply", "set-last-applied", "-f", "-")
			},
		},
		{
			name: "kubectl annotate, a copy of the manifest that is none",
			edit: kubectl("annotate", "--overwrite", ref, corev1.LastAppliedConfigAnnotation+"=none"),
		},
		lacking("uid", func(rc *corev1.ReplicationController) { rc.UID = "" }),
		lacking("generation", func(rc *corev1.ReplicationController) { rc.Generation = 0 }),
		{
			name: "a PATCH of the status",
			edit: kubectl("patch", ref, "--subresource=status", "-p", `{"status":{"conditions":[{"type":"Tested","status":"True"}]}}`),
		},
		{
			name: "an owner reference",
			edit: func(a *attempt) answer {
				a.Kubectl("create", "configmap", "owner")
				uid := a.Kubectl("get", "configmap", "owner", "-o", "jsonpath={.metadata.uid}").Stdout
				return a.runKubectl("", "patch", ref, "-p",
					`{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"owner","uid":"`+uid+`"}]}}`)
			},
		},
		{
			name: "a finalizer, there and away",
			edit: func(a *attempt) answer {
				return first(
					a.runKubectl("", "patch", ref, "-p", `{"metadata":{"finalizers":["example.com/mine"]}}`),
					a.runKubectl("", "patch", ref, "--type=merge", "-p", `{"metadata":{"finalizers":null}}`))
			},
		},
		{
			name: "server-side apply of a label, twice",
			edit: func(a *attempt) answer {
				labelled := manifest.RC{"apiVersion": "v1", "kind": "ReplicationController",
					"metadata": map[string]any{"name": "tomcat", "labels": map[string]any{"cost": "1"}}}
				apply := func() answer { return applyAs("labeller")(a.scenario, nil, labelled) }
				return first(apply(), apply())
			},
		},
	}
	for i := range rows {
		rows[i].sharing = true
		rows[i].cells = means(passes, goesOn, goesOn, passes, goesOn)
	}
	return rows
}

// lacking is a write of what was read, without some of its metadata. That makes no
// manifest of it.
func lacking(field string, drop func(*corev1.ReplicationController)) row {
	return row{name: "a controller's write of what it read, without the " + field, edit: func(a *attempt) answer { return a.put(drop) }}
}

// shown is what kubectl get shows.
func (a *attempt) shown() manifest.RC {
	a.Helper()
	var m manifest.RC
	require.NoError(a, yaml.Unmarshal([]byte(a.Kubectl("get", a.Ref(), "-o", "yaml").Stdout), &m))
	return m
}

// invalidRows are what the API server takes neither for a request.
func invalidRows() []row {
	const negative = "spec.replicas: Invalid value: -1: must be greater than or equal to 0"
	replacing := func(what, says string, wrong manifest.Edit) row {
		return refused("kubectl replace, the old image and "+what, says, func(a *attempt) answer {
			return kubectlWith("replace")(a.scenario, nil, a.first.With(wrong))
		})
	}
	return []row{
		refused("kubectl patch --subresource=scale, replicas below 0", negative, func(a *attempt) answer {
			return a.runKubectl("", "patch", a.Ref(), "--subresource=scale", "--type=merge", "-p", `{"spec":{"replicas":-1}}`)
		}),
		replacing("replicas below 0", negative, manifest.Replicas(-1)),
		replacing("minReadySeconds below 0", "spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0",
			func(rc manifest.RC) { rc.Spec()["minReadySeconds"] = int64(-1) }),
		replacing("a selector of other pods", "does not match template", manifest.Selecting(map[string]string{"app": "other"})),
	}
}

// settingRows are settings that no rollout could go by.
func settingRows() []row {
	const ref = "rc/tomcat"
	const invalid, noLabel = `"lots": must be a number of pods`, "rcroll reads its settings from annotations, not from labels"
	create := func(edit manifest.Edit) func(*attempt) answer {
		return func(a *attempt) answer {
			return a.runKubectl(a.first.With(manifest.Named("another"), edit).YAML(a), "create", "-f", "-")
		}
	}
	// Nobody asks the webhook about a write of the status, with which metadata can come.
	past := func(metadata string) []string {
		return []string{"patch", ref, "--subresource=status", "-p", `{"metadata":` + metadata + `}`}
	}
	beside := func(name, metadata string, edits ...func(*attempt) answer) row {
		return row{
			name: name,
			edit: func(a *attempt) answer {
				a.Kubectl(past(metadata)...)
				var answers []answer
				for _, edit := range edits {
					answers = append(answers, edit(a))
				}
				return first(answers...)
			},
			sharing: true,
			cells:   means(passes, goesOn, goesOn, passes, goesOn),
		}
	}
	return []row{
		refused("kubectl annotate, a setting that is not valid", invalid, kubectl("annotate", "--overwrite", ref, api.MaxSurgeAnnotation+"=lots")),
		refused("kubectl annotate, a setting that there is not", "unknown setting", kubectl("annotate", ref, api.Prefix+"max-surg=2")),
		refused("kubectl label, a setting", noLabel, kubectl("label", ref, api.EnabledKey+"=false")),
		refused("kubectl create, with a setting that is not valid", invalid, create(manifest.Annotated(api.MaxSurgeAnnotation, "lots"))),
		refused("kubectl create, with a setting as a label", noLabel, create(func(rc manifest.RC) {
			rc.Metadata()["labels"] = map[string]any{api.EnabledKey: "false"}
		})),
		beside("kubectl annotate, a setting beside one that there is not", `{"annotations":{"`+api.Prefix+`new":"x"}}`,
			kubectl("annotate", ref, api.OnFailureAnnotation+"=hold"), kubectl("annotate", ref, api.Prefix+"new-")),
		beside("kubectl label, taking away a setting that was a label", `{"labels":{"`+api.EnabledKey+`":"false"}}`,
			kubectl("label", ref, api.EnabledKey+"-")),
		{
			name: "kubectl set image, where a setting is not valid",
			create: func(s *scenario, m manifest.RC) {
				s.Apply(m)
				// Nor about anything in a namespace that opted out.
				s.Kubectl("label", "namespace", s.Namespace, api.EnabledKey+"=false")
				require.Eventually(s, func() bool {
					return s.TryKubectl("", "annotate", "--overwrite", ref, api.MaxSurgeAnnotation+"=lots").ExitCode == 0
				}, harness.Patience, 50*time.Millisecond)
				s.Kubectl("label", "namespace", s.Namespace, api.EnabledKey+"-")
			},
			edit: kubectl("set", "image", ref, "tomcat="+newImage),
			cells: but(everywhere(cell{means: notApplicable, note: "no rollout begins with it"}),
				map[string]cell{before: {means: refuses, says: invalid}}),
		},
		{
			name: "kubectl set image, where the annotations have no room for the request",
			shape: []manifest.Edit{func(rc manifest.RC) {
				rc.Metadata()["annotations"].(map[string]any)["note"] = strings.Repeat("x", validation.TotalAnnotationSizeLimitB-300)
			}},
			create: creating(kubectlWith("apply", harness.ServerSide)),
			edit:   kubectl("set", "image", ref, "tomcat="+newImage),
			cells: but(everywhere(cell{means: notApplicable, note: "no rollout begins with it"}),
				map[string]cell{before: {means: refuses, says: "all annotations together must not exceed"}}),
		},
	}
}

// ownRows touch what is rcroll's.
func ownRows() []row {
	ofOwned := func(args ...string) func(*attempt) answer {
		return func(a *attempt) answer {
			return a.runKubectl("", slices.Insert(slices.Clone(args), len(args)-1, "rc/"+a.edited())...)
		}
	}
	const ref, forged = "rc/tomcat", "may only be set by rcroll"
	none := cell{means: notApplicable, note: "there is no new ReplicationController"}
	managed := cell{means: ignored, says: "not changed: it is managed by rcroll for rc/tomcat; edit rc/tomcat instead"}
	plain := cell{means: passes, note: "pods created later have it, as without rcroll"}
	forging := func(name string, args ...string) row { return refused(name, forged, kubectl(args...)) }
	ofNewRC := func(name string, args ...string) row {
		return row{name: name, edit: ofOwned(args...), sharing: true, ofNewRC: true, cells: allCells(none, managed, managed, none, managed)}
	}
	return []row{
		{
			name: "kubectl annotate rcroll.dev/request-", edit: kubectl("annotate", ref, api.RequestAnnotation+"-"),
			cells: means(goesOn, cancels, goesOn, goesOn, cancels),
		},
		{
			name: "a controller's write without version, status and request",
			edit: func(a *attempt) answer {
				return a.put(func(rc *corev1.ReplicationController) {
					rc.ResourceVersion, rc.Status = "", corev1.ReplicationControllerStatus{}
					delete(rc.Annotations, api.RequestAnnotation)
				})
			},
			cells: means(goesOn, cancels, goesOn, goesOn, cancels),
		},
		{
			name: "kubectl patch, opting out and a new image",
			edit: kubectl("patch", ref, "-p", `{"metadata":{"annotations":{"`+api.EnabledKey+`":"false"}},`+
				`"spec":{"template":{"spec":{"containers":[{"name":"tomcat","image":"`+newImage+`"}]}}}}`),
			change: func(_ *attempt, state *golden.State) { state.Images = newImage },
			cells:  allCells(plain, cell{means: adds}, cell{means: waits}, plain, cell{means: adds}),
		},
		{
			name: "kubectl patch, opting in and a new image",
			edit: kubectl("patch", ref, "-p", `{"metadata":{"annotations":{"`+api.EnabledKey+`":"true"}},`+
				`"spec":{"template":{"spec":{"containers":[{"name":"tomcat","image":"`+newImage+`"}]}}}}`),
			change: func(_ *attempt, state *golden.State) { state.Images = newImage },
			cells:  means(rollsOut, adds, waits, rollsOut, adds),
		},
		forging("a forged request", "annotate", "--overwrite", ref, api.RequestAnnotation+`={"replicas":0,"template":{}}`),
		forging("a forged command", "annotate", ref, api.CommandAnnotation+`={"operation":"Scale","replicas":0}`),
		forging("a forged rolling label", "label", "--overwrite", ref, api.RollingLabel+"=false"),
		forging("a forged mark of a promotion", "patch", ref, "-p",
			`{"spec":{"template":{"metadata":{"labels":{"`+api.AdoptingLabel+`":"x"}}}}}`),
		forging("a forged seal", "patch", ref, "-p", `{"spec":{"selector":{"`+api.SealedLabel+`":"x"}}}`),
		{
			// One that is rcroll's is labelled as well.
			name: "kubectl set env, of one that another ReplicationController controls",
			edit: func(a *attempt) answer {
				a.KubectlWithInput(a.first.With(manifest.Named("parent"), manifest.Replicas(0), manifest.PodLabelled(map[string]string{"app": "parent"})).YAML(a), "create", "-f", "-")
				uid := a.Kubectl("get", "rc", "parent", "-o", "jsonpath={.metadata.uid}").Stdout
				a.Kubectl("patch", ref, "-p", `{"metadata":{"ownerReferences":[`+
					`{"apiVersion":"v1","kind":"ReplicationController","name":"parent","uid":"`+uid+`","controller":true}]}}`)
				got := a.runKubectl("", "set", "env", ref, "MODE=new")
				a.Kubectl("patch", ref, "--type=merge", "-p", `{"metadata":{"ownerReferences":null}}`)
				a.Kubectl("delete", "rc", "parent")
				return got
			},
			change: func(_ *attempt, state *golden.State) { state.Mode = "new" },
			cells: but(everywhere(cell{means: notApplicable, note: "while it rolls it is taken for a new one that rcroll made"}),
				map[string]cell{before: {means: passes, says: notReplaced}}),
		},
		ofNewRC("kubectl label, of the new ReplicationController", "label", "team=web"),
		ofNewRC("kubectl set image, of the new ReplicationController", "set", "image", "tomcat="+newImage),
		ofNewRC("kubectl annotate, of the new ReplicationController", "annotate", "example.com/note=mine"),
		ofNewRC("kubectl scale, of the new ReplicationController", "scale", "--replicas=9"),
	}
}

// first is the answer to the first request, unless a later one fails.
func first(answers ...answer) answer {
	for _, answer := range answers {
		if answer.failure != "" {
			return answer
		}
	}
	return answers[0]
}
