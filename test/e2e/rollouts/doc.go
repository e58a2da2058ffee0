// Package rollouts tests what users see of rolling updates: whole scenarios, by
// subject. A rollout ends where it was asked to, by a way that keeps the promises, and
// says what it does (tomcat, shapes, scale, pipeline); it can be sent elsewhere,
// cancelled, paused and deleted half-way (retarget, cancel, strategy, delete); one
// that fails says why (failure); what is invalid, forbidden or only tried changes
// nothing (refuse, dryrun, diff); and the old kubectl rolling-update still works.
//
// None of these tests stops a process: they all run in parallel.
package rollouts
