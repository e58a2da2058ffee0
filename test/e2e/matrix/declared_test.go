package matrix

import (
	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
	"github.com/rcroll/rcroll/test/golden"
)

// declaredRows are clients that send a whole manifest, or a patch computed from it.
func declaredRows() []row {
	spelledOut := manifest.Selecting(map[string]string{"app": "tomcat"})
	apply, applyServerSide := kubectlWith("apply"), kubectlWith("apply", harness.ServerSide)
	second := kubectlWith("apply", harness.ServerSide, "--force-conflicts", "--field-manager=second")
	created := row{create: creating(kubectlWith("create")), send: kubectlWith("replace")}
	applied := row{send: apply}
	serverSideApplied := row{create: creating(applyServerSide), send: applyServerSide}
	rows := declared("kubectl apply", applied, apply, nil)
	rows = append(rows, declared("kubectl apply without replicas", shaped(applied, manifest.WithoutReplicas), apply, nil)...)
	rows = append(rows, declared("kubectl apply with a selector", shaped(applied, spelledOut), apply, nil)...)
	rows = append(rows, declared("kubectl apply --server-side", serverSideApplied, applyServerSide, nil)...)
	rows = append(rows, declared("kubectl apply --server-side without replicas",
		shaped(serverSideApplied, manifest.WithoutReplicas), applyServerSide, nil)...)
	rows = append(rows, declared("kubectl apply --server-side with a selector",
		shaped(serverSideApplied, spelledOut), applyServerSide, nil)...)
	// What the first manager applies beyond that stays where it is live.
	rows = append(rows, declared("server-side apply by a second manager", serverSideApplied, second, map[string]cell{
		promoting: {means: waits, except: mode("first")}, after: {means: rollsOut, except: mode("first")}})...)
	rows = append(rows, declared("kubectl replace", created, kubectlWith("replace"), nil)...)
	rows = append(rows, declared("server-side apply by client-go", row{create: creating(applyAs("operator")), send: applyAs("operator")},
		applyAs("operator"), nil)...)
	rows = append(rows, declared("server-side apply after a dry run (Flux)",
		row{create: creating(applyAs("kustomize-controller")), send: applyAs("kustomize-controller")}, applyTried, nil)...)
	rows = append(rows, declared("Helm 3", row{create: createdByHelm, send: helm}, helm, nil)...)
	rows = append(rows, onwardRows(applied, serverSideApplied, created)...)
	return append(rows, returningRows()...)
}

func shaped(r row, edits ...manifest.Edit) row {
	r.shape = edits
	return r
}

// onwardRows go to a new image and to something else besides.
func onwardRows(applied, serverSideApplied, created row) []row {
	apply, applyServerSide := kubectlWith("apply"), kubectlWith("apply", harness.ServerSide)
	replace := kubectlWith("replace")
	helmed := row{create: createdByHelm, send: helm}
	const all, more = ", image, env, resources, label and minReadySeconds", ", a new image and more replicas"
	usual := func() map[string]cell { return means(rollsOut, replaces, waits, rollsOut, replaces) }
	grown := func() map[string]cell {
		four := &turnover{4, 2}
		return allCells(cell{means: rollsOut, turnover: four}, cell{means: replaces, turnover: &turnover{7, 5}},
			cell{means: waits, turnover: four}, cell{means: rollsOut, turnover: four}, cell{means: replaces, turnover: &turnover{4, 4}})
	}
	// What was applied of the status is an entry of the same name in the managed fields.
	statusApplied := row{send: applyAs("operator"), create: func(s *scenario, m manifest.RC) {
		creating(applyAs("operator"))(s, m)
		s.Await("it serves", harness.Serves(m.Images(), m.Replicas())) // until then the RC manager overwrites the status
		s.applyStatus("operator")
	}}
	return []row{
		declaring("kubectl apply"+all, applied, apply, changedAll, usual()),
		declaring("kubectl apply --server-side"+all, serverSideApplied, applyServerSide, changedAll, usual()),
		declaring("kubectl replace"+all, created, replace, changedAll, usual()),
		declaring("kubectl apply"+more, applied, apply, scaledUp, grown()),
		declaring("kubectl apply --server-side"+more, serverSideApplied, applyServerSide, scaledUp, grown()),
		declaring("kubectl replace"+more, created, replace, scaledUp, grown()),
		declaring("Helm 3"+more, helmed, helm, scaledUp, grown()),
		declaring("Helm 3 without replicas, a new image", shaped(helmed, manifest.WithoutReplicas), helm, onward, usual()),
		declaring("server-side apply by who also applies the status, a new image", statusApplied, applyAs("operator"), onward, usual()),
		declaring("kubectl apply, a new image and 0 replicas", applied, apply, func(a *attempt) manifest.RC { return onward(a).With(manifest.Replicas(0)) },
			allCells(cell{means: passes}, cell{means: replaces, turnover: anyPods}, cell{means: waits, turnover: anyPods},
				cell{means: passes}, cell{means: replaces, turnover: anyPods})),
		declaring("kubectl apply, a new image and replicas where there were 0", shaped(applied, manifest.Replicas(0)), apply,
			func(a *attempt) manifest.RC { return onward(a).With(manifest.Replicas(2)) },
			but(everywhere(cell{means: notApplicable, note: "without pods there is nothing to roll"}), map[string]cell{before: {means: passes}})),
		declaring("kubectl apply --field-manager, a new image", applied, kubectlWith("apply", "--field-manager=ci"), onward, usual()),
		// kubectl keeps the annotation of client-side apply up to date, in a request of its own.
		declaring("kubectl apply --server-side, created client-side, a new image", row{send: applyServerSide}, applyServerSide, onward, usual()),
		// kubectl first applies, then takes over what client-side apply owned, and applies again.
		declaring("kubectl apply --server-side after client-side apply, a new image", applied, applyServerSide, onward, but(
			everywhere(cell{means: refuses, says: "Apply failed with"}),
			map[string]cell{before: {means: rollsOut}, after: {means: rollsOut, turnover: anyPods}})),
	}
}

func onward(a *attempt) manifest.RC { return a.first.With(manifest.Image(newImage)) }

func scaledUp(a *attempt) manifest.RC {
	return onward(a).With(manifest.Replicas(a.moment.replicas + 2))
}

func changedAll(a *attempt) manifest.RC {
	return onward(a).With(manifest.Env("MODE", "new"), func(rc manifest.RC) {
		rc.PodLabels()["tier"] = "web"
		rc.Containers("containers")[0]["resources"] = map[string]any{"requests": map[string]any{"cpu": "100m"}}
		rc.Spec()["minReadySeconds"] = int64(1)
	})
}

// declaring sends another manifest.
func declaring(name string, from row, send sender, to func(*attempt) manifest.RC, cells map[string]cell) row {
	from.name = name
	from.edit = func(a *attempt) answer { return send(a.scenario, a.sent, to(a)) }
	from.change = func(a *attempt, state *golden.State) { *state = a.stateOf(to(a)) }
	from.cells = cells
	return from
}

// declared are an edit to a new image, one back to the manifest from which all
// began, and one of the manifest that was sent last.
func declared(name string, from row, send sender, except map[string]cell) []row {
	again := but(means(notApplicable, goesOn, goesOn, goesOn, goesOn), map[string]cell{
		before: {means: notApplicable, note: "before any rollout, the old image is the same"}})
	return []row{
		declaring(name+", a new image", from, send, onward, but(means(rollsOut, replaces, waits, rollsOut, replaces), except)),
		declaring(name+", the old image", from, send, func(a *attempt) manifest.RC { return a.first },
			but(means(goesOn, cancels, waits, rollsOut, cancels), except)),
		declaring(name+", the same again", from, send, func(a *attempt) manifest.RC { return a.sent }, again),
	}
}

// returningRows go back with clients that compare with the live object. Where only
// the image is another one, they find nothing to send as long as the live replicas
// are those of the manifest.
func returningRows() []row {
	onlyImage := func(to string) []manifest.Edit { return []manifest.Edit{manifest.Image(to)} }
	returning := func(name string, from row, send sender) row {
		from.rollTo = onlyImage
		first := func(a *attempt) manifest.RC { return a.first }
		return declaring(name, from, send, first, means(goesOn, cancels, waits, rollsOut, unsent))
	}
	return []row{
		returning("kubectl apply, unchanged, after kubectl set image", row{}, kubectlWith("apply")),
		returning("Helm 3, back to the old image and nothing else", row{create: createdByHelm, send: helm}, helm),
	}
}
