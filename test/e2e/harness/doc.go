// Package harness runs end-to-end tests of rcroll as its users meet it: with the
// real kubectl, against a real API server, controller manager and scheduler, with
// webhook and agent running under the rights of their ServiceAccounts. Only the
// kubelets are simulated: a pod is ready one second after it was scheduled.
//
// A package of tests calls [Main] in its TestMain. Its tests share one control plane,
// which is booted when the first of them asks for it. Each test makes a [Scenario]: a
// ReplicationController in a namespace of its own, with an observer that sees every
// event in it, so that the promises (P1–P4 in package observe) are checked at every
// moment of every rollout, and not only at its end:
//
//	s := harness.Given(t, manifest.Tomcat(t))
//	s.SetImage("tomcat=tomcat:8")
//	s.AwaitRollout("tomcat:8", 5)
//	s.Expect(harness.SurgeOne(5))
package harness
