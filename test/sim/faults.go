package sim

import (
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// faultKind is something that goes wrong.
type faultKind int

const (
	killBefore    faultKind = iota // the agent dies before a write
	killAfter                      // the agent dies after a write, of which it never hears
	timeout                        // a write takes effect, and the agent hears of a timeout
	lost                           // a call fails without effect
	conflict                       // a write meets a conflict that is none
	overlap                        // a second agent starts while the first goes on
	freeze                         // the same, but the first stands still before a call, for long
	staleStart                     // (a modifier) an agent starts with an old cache
	relistAgent                    // a watch is compacted
	relistManager                  //
	relistPods                     //
	webhookOutage                  // begins; ends by itself
	apiOutage                      //
	podDeath                       // a pod fails and is replaced
	podFlap                        // a pod is not ready for a while
	nodeDeath                      // all pods of a node go
	stamping                       // a policy that changes templates comes or goes
	faultKinds
)

// faults are how many of each kind may still happen.
type faults struct {
	left [faultKinds]int

	// podsHurt: some pods were created or deleted because of a fault.
	podsHurt bool
}

func (f faults) clone() faults { return f }

func (f *faults) take(kind faultKind) bool {
	if f.left[kind] == 0 {
		return false
	}
	f.left[kind]--
	return true
}

var (
	errTimeout     = apierrors.NewTimeoutError("the server did not answer in time", 0)
	errUnreachable = errors.New("dial tcp: connection refused")
)

func errConflict(name string) error {
	return apierrors.NewConflict(rcResource, name, errors.New("the object has been modified"))
}

// frozenFor is long enough for another agent to have the lease, and short enough for
// a pass not to have timed out.
const frozenFor = 30 * time.Second

// startFault makes a fault happen that is not one of the agent's calls.
func (w *World) startFault(kind faultKind, n int, name string) {
	switch kind {
	case overlap:
		w.startAgent(newProcess(w.now, w.policies), n)
	case freeze:
		a := w.agents[0]
		a.frozen = w.now + frozenFor
		w.tell("agent %d stands still before: %s", a.id, a.call)
		w.startAgent(newProcess(w.now, w.policies), n)
	case relistAgent:
		w.tell("agent %d lists again", w.agents[n].id)
		w.agents[n].rcs.relist(w.rcs)
	case relistManager:
		w.tell("the manager lists the RCs again")
		w.manager.rcs.relist(w.rcs)
	case relistPods:
		w.tell("the manager lists the pods again")
		w.manager.pods.relist(w.pods)
	case webhookOutage:
		w.webhookDown = !w.webhookDown
		w.tell("the webhook is unreachable: %t", w.webhookDown)
	case apiOutage:
		w.apiDown = !w.apiDown
		w.tell("the API server is unreachable: %t", w.apiDown)
	case stamping:
		w.toggleStamp()
	case podDeath:
		w.tell("%s fails", name)
		w.updatePod(w.pods[name], func(p *Pod) { p.failed, p.ready = true, false })
	case podFlap:
		w.tell("%s is not ready", name)
		w.updatePod(w.pods[name], func(p *Pod) { p.ready = false })
	case nodeDeath:
		w.tell("node %d dies", n)
		for _, pod := range w.podsInOrder() {
			if pod.node == n {
				w.removePod(pod)
			}
		}
	default:
		panic(fmt.Sprintf("fault %d is one of a call", kind))
	}
}

// answerCall serves the call of an agent, with or without a fault.
func (w *World) answerCall(index int, fault faultKind) {
	a := w.agents[index]
	c := *a.call
	switch fault {
	case killBefore:
		w.tell("agent %d is killed before: %s", a.id, c)
		w.killAgent(index)
	case killAfter:
		r := w.serve(c)
		w.tell("agent %d is killed after: %s (%v)", a.id, c, r.err)
		w.killAgent(index)
	case timeout:
		r := w.serve(c)
		w.tell("agent %d: %s (%v) but hears of a timeout", a.id, c, r.err)
		a.answer(w, reply{err: errTimeout})
	case lost:
		w.tell("agent %d: %s does not get through", a.id, c)
		a.answer(w, reply{err: errUnreachable})
	case conflict:
		w.tell("agent %d: %s meets a conflict", a.id, c)
		a.answer(w, reply{err: errConflict(c.name)})
	default:
		r := w.serve(c)
		w.tell("agent %d: %s%s", a.id, c, outcomeOf(r))
		a.answer(w, r)
	}
}

func outcomeOf(r reply) string {
	if r.err != nil {
		return ": " + r.err.Error()
	}
	return ""
}

// killAgent ends a process. Another one is started by the scheduler.
func (w *World) killAgent(index int) {
	w.agents[index].brain.kill()
	w.agents = append(w.agents[:index:index], w.agents[index+1:]...)
}
