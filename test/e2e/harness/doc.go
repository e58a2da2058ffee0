// Package e2e tests rcroll as its users meet it: with the real kubectl, against a
// real API server, controller manager and scheduler, with webhook and agent
// running under the rights of their ServiceAccounts. Only the kubelets are
// simulated: a pod is ready one second after it was scheduled.
//
// Every test has a namespace of its own and an observer that sees every event in
// it, so that the promises (P1–P4 in package observe) are checked at every moment
// of every rollout, and not only at its end. Tests that stop processes run one
// after the other, before all others, which run in parallel.
package e2e
