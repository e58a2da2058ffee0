package sim

import (
	"math/rand/v2"
	"time"

	"github.com/rcroll/rcroll/pkg/api"
)

const (
	// troubleSteps is how long faults and users may go on.
	troubleSteps = 400

	// patience is the number of steps, and of times that nothing but time passes,
	// in which everything must be as was asked for once the trouble is over.
	patience     = 8000
	idlePatience = 400
)

// Result is how a run ended.
type Result struct {
	// Failure is empty if every property held.
	Failure string

	// Story is what happened, if it was asked for.
	Story string

	// Steps were taken, Strict of them with P1 and P2 as promised, see checker.
	Steps, Strict int

	// Created and Deleted pods.
	Created, Deleted int

	// RolledBack are the rollouts that failed and were rolled back for it.
	RolledBack int
}

// run is a world and what a seed does to it.
type run struct {
	*World
	random   *rand.Rand
	workload workload
	weights  [stepKinds]int
	steps    []step

	// second is the weight of the calls of every second agent, so that of two that
	// overlap one may be much slower.
	second int
}

// Run lives through what a seed stands for. Told, it tells the story.
func Run(seed uint64, told bool) Result {
	random := rand.New(rand.NewPCG(seed, 0))
	workload := newWorkload(seed, random)
	r := &run{World: settled(workload.replicas, workload.annotations), random: random, workload: workload}
	r.users.script, r.faults = workload.script, workload.faults
	r.users.want = want{image: "tomcat:7", replicas: workload.replicas}
	r.story.told = told
	for kind := range adopterTakes {
		r.weights[kind] = []int{2, 5, 10, 30}[random.IntN(4)]
	}
	r.adopter = newAdopter(seed)
	r.weights[adopterTakes], r.weights[adopterDeletes] = 5, 10
	r.weights[approverLooks], r.weights[approverActs] = 5, 1
	r.administrator, r.policies.mayOverride = newAdministrator(seed)
	r.weights[administratorActs], r.weights[neighbourBegins] = 2, 10
	r.policies.timed = len(r.administrator.script) > 0
	r.workload.plain = r.workload.plain && r.administrator.rescue == ""
	r.second = []int{1, 10, 30}[random.IntN(3)]
	r.weights[userActs] = []int{1, 2, 5}[random.IntN(3)]
	r.tell("%s", workload)
	r.live()
	r.endOfRollout()
	return Result{
		Failure: r.check.failure, Story: r.story.String(), Steps: r.check.steps, Strict: r.check.strict,
		Created: r.check.created, Deleted: r.check.deleted, RolledBack: r.check.rolledBack,
	}
}

// live goes through the trouble and on to the quiet afterwards.
func (r *run) live() {
	for range troubleSteps {
		if r.failed() || r.quiet() {
			break
		}
		r.one(true)
	}
	r.endTrouble()
	r.endPolicies()
	if r.defects[r.users.want.image] != nil {
		// Whatever happens to the bad image, the next one is not held up by it (P8).
		r.await(func() bool { return false }, patience/10, 20)
		r.users.script = append(r.users.script, action{kind: setImage, image: "tomcat:10"})
	}
	if !r.await(r.over, patience, idlePatience) && !r.failed() {
		r.check.fail("P5", "what was asked for never comes true: %v", r.unfinished())
	}
	// What is done must stay so.
	r.await(func() bool { return false }, patience/10, 20)
	if left := r.unfinished(); left != nil && !r.failed() {
		r.check.fail("P5", "what was asked for was true and is not any more: %v", left)
	}
}

// over reports whether users have got what they asked for.
func (r *run) over() bool { return r.users.next == len(r.users.script) && r.unfinished() == nil }

// endPolicies lets users go back to the live template while policies hold everything, P10; and
// ends what policies there are.
func (r *run) endPolicies() {
	r.administrator.script, r.administrator.next, r.administrator.arrives = nil, 0, false
	if rescue := r.administrator.rescue; rescue != "" && !r.users.want.absent {
		r.holdEverything()
		r.users.script = append(r.users.script, action{kind: rescue})
		if !r.await(r.over, patience, idlePatience) && r.defects[r.users.want.image] == nil {
			r.check.fail("P10", "a rescue is held: %v", r.unfinished())
		}
		r.tell("policies held everything until here")
	}
	if r.policies.timed {
		// That the other rollout ends is all that wakes one that waits for its turn.
		r.liftAllButQueue()
		r.await(func() bool { return false }, patience/40, 5)
		r.setNeighbour(false)
	}
}

func (r *run) failed() bool { return r.check.failure != "" }

// quiet reports whether neither users nor faults have anything left to do.
func (r *run) quiet() bool {
	return r.users.next == len(r.users.script) && r.faults.left == [faultKinds]int{} && r.unfinished() == nil
}

// endTrouble lets the users finish, and nothing else go wrong any more.
func (r *run) endTrouble() {
	r.tell("from here on nothing goes wrong")
	r.faults.left = [faultKinds]int{}
	r.webhookDown, r.apiDown = false, false
	for len(r.agents) > 1 {
		r.killAgent(0)
	}
	for _, a := range r.agents {
		a.frozen = 0
	}
	if r.rcs[tomcat] != nil && r.rcs[tomcat].bounds.paused || r.workload.pauses {
		r.users.script = append(r.users.script, action{kind: annotate, key: api.PausedAnnotation})
	}
}

// await lets things happen until something is true. It gives up after a number of
// steps, and after a number of times that nothing but time could pass.
func (r *run) await(done func() bool, steps, idle int) bool {
	for range steps {
		switch {
		case r.failed():
			return false
		case done():
			return true
		}
		if !r.one(false) {
			if idle--; idle < 0 || !r.idle() {
				return done()
			}
		}
	}
	return false
}

// one takes a step, a fault now and then; it returns false if there is none.
func (r *run) one(trouble bool) bool {
	r.now += time.Duration(1+r.random.IntN(20)) * time.Millisecond
	if trouble && r.trouble() {
		return true
	}
	r.steps = r.enabled(r.steps[:0])
	if len(r.steps) == 0 {
		return trouble && (r.apiDown || r.idle())
	}
	r.step(r.pick())
	return true
}

func (r *run) step(s step) {
	if s.kind == agentStarts {
		s.n = r.startPosition()
	}
	r.take(s)
	if r.story.told && r.failed() {
		r.tell("FAILED %s", r.check.failure)
	}
	r.tellState()
}

// pick chooses by the weights that this seed gives to each kind of step.
func (r *run) pick() step {
	total := 0
	for _, s := range r.steps {
		total += r.weight(s)
	}
	at := r.random.IntN(total)
	for _, s := range r.steps {
		if at -= r.weight(s); at < 0 {
			return s
		}
	}
	panic("unreachable")
}

func (r *run) weight(s step) int {
	if s.kind == agentCalls && r.agents[s.n].id%2 == 0 {
		return r.second
	}
	return r.weights[s.kind]
}

// idle lets time pass until the next timer; it returns false if there is none.
func (r *run) idle() bool {
	at, found := r.nextTimer()
	if found {
		r.now = max(r.now, at)
	}
	return found
}

// startPosition is how much of the history a new agent's cache has.
func (r *run) startPosition() int {
	if r.faults.take(staleStart) {
		return r.random.IntN(len(r.rcHistory) + 1)
	}
	return len(r.rcHistory)
}

// endOfRollout is P4 in numbers, where nothing but one rollout happened.
func (r *run) endOfRollout() {
	if r.failed() || !r.workload.plain || r.faults.podsHurt {
		return
	}
	if n := int(r.workload.replicas); r.check.created != n || r.check.deleted != n {
		r.check.fail("P4", "%d pods were created and %d deleted for %d", r.check.created, r.check.deleted, n)
	}
}

// trouble makes a fault happen, now and then.
func (r *run) trouble() bool {
	if (r.apiDown || r.webhookDown) && r.random.IntN(15) == 0 {
		kind := webhookOutage
		if r.apiDown {
			kind = apiOutage
		}
		r.step(step{kind: faultStarts, fault: kind})
		return true
	}
	if r.apiDown {
		return r.callLost()
	}
	if r.faults.left == [faultKinds]int{} || r.random.IntN(12) != 0 {
		return false
	}
	kind := faultKind(r.random.IntN(int(faultKinds)))
	if r.faults.left[kind] == 0 {
		return false
	}
	s, possible := r.faultStep(kind)
	if possible {
		r.faults.left[kind]--
		r.step(s)
	}
	return possible
}

// callLost is what an agent meets that calls an API server that is unreachable.
func (r *run) callLost() bool {
	for n, a := range r.agents {
		if a.canCall(r.now) {
			r.step(step{kind: agentCalls, n: n, fault: lost})
			return true
		}
	}
	return false
}

// faultStep is a fault of that kind that can happen now.
func (r *run) faultStep(kind faultKind) (step, bool) {
	s := step{kind: faultStarts, fault: kind}
	switch kind {
	case killBefore, killAfter, timeout, lost, conflict:
		for n, a := range r.agents {
			if a.canCall(r.now) && a.call.writes() {
				return step{kind: agentCalls, n: n, fault: kind}, true
			}
		}
		return s, false
	case overlap:
		s.n = r.startPosition()
		return s, len(r.agents) == 1
	case freeze:
		s.n = r.startPosition()
		return s, len(r.agents) == 1 && r.agents[0].call != nil
	case staleStart:
		return s, false
	case relistAgent:
		if len(r.agents) == 0 {
			return s, false
		}
		s.n = r.random.IntN(len(r.agents))
	case podDeath, podFlap:
		return r.podFault(kind)
	case nodeDeath:
		s.n = r.random.IntN(nodes)
	}
	return s, true
}

// podFault is a fault of any pod.
func (r *run) podFault(kind faultKind) (step, bool) {
	pods := r.podsInOrder()
	if len(pods) == 0 {
		return step{}, false
	}
	pod := pods[r.random.IntN(len(pods))]
	return step{kind: faultStarts, fault: kind, name: pod.name}, pod.active() && (kind == podDeath || pod.ready)
}
