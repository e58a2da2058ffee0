package kill

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
)

// The controller manager may die at any moment: what it had not done yet is done by
// the one that follows. (Its death during the promotion is tested with the crashes.)
func TestControllerManagerKilled(t *testing.T) {
	for _, stage := range stages[:len(stages)-3] {
		t.Run(stage.name, func(t *testing.T) {
			s := given(t, manifest.Replicas(killReplicas))
			s.killAt(harness.ControllerManager, stage.reached, func() { require.NoError(t, s.ask("tomcat:8")) })
			s.start(harness.ControllerManager)
			s.AwaitRollout("tomcat:8", killReplicas)
			s.Expect(harness.SurgeOne(killReplicas))
		})
	}
}

// The API server may die at any moment, with whatever was on its way: everybody waits
// until it is back.
//
// A pod whose creation was stored but not answered is created again by the controller
// manager, which has not seen it yet, and then deleted as surplus. That is one pod too
// many in every ReplicationController, rolling or not; no pod is created in a promotion.
func TestAPIServerKilled(t *testing.T) {
	withoutAgent(t)
	runAgent(t, nil, alone)
	harness.ObserveThroughAnotherAPIServer(t, harness.Cluster(t).Localcluster, freePort(t))
	surplus := harness.AnyTurnover(killReplicas)
	surplus.MaxPods++
	for _, stage := range stages {
		bounds := harness.SurgeOne(killReplicas)
		switch stage.name {
		case "first pod":
			bounds = surplus
		case "sealed", "orphaned", "adopting":
		default:
			continue // little happens then that does not at another one
		}
		t.Run(stage.name, func(t *testing.T) {
			s := given(t, manifest.Replicas(killReplicas))
			s.killAt(harness.APIServer, stage.reached, func() { require.NoError(t, s.ask("tomcat:8")) })
			require.NoError(t, s.Cluster.Run("stop", harness.APIServer, "--signal", "KILL")) // returns when it is gone
			s.start(harness.APIServer)
			s.AwaitRollout("tomcat:8", killReplicas)
			s.Expect(bounds)
		})
	}
}
