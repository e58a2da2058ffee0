package sim

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	rcroll "github.com/rcroll/rcroll/pkg/agent"
	"github.com/rcroll/rcroll/pkg/api"
)

// process is one run of the agent: the real reconciler, with its memory. A pass is
// a coroutine that stops at each call to the API server until it is given the reply.
type process struct {
	reconciler rcroll.Reconciler
	clock      *virtualClock
	policies   *policies
	queue      wakeQueue

	// cache is what cached reads of the pass under way see.
	cache map[string]*RC

	// yield hands a call to the scheduler; reply is its answer.
	yield func(call) bool
	reply reply

	next func() (call, bool)
	stop func()

	result reconcile.Result
	err    error

	// events are those recorded since the scheduler last looked.
	events []string
}

// quiet is a context without a logger: the story tells more.
var quiet = logr.NewContext(context.Background(), logr.Discard())

// errKilled is what calls of a process end with that is no more.
var errKilled = errors.New("the process was killed")

func newProcess(now time.Duration, policies *policies) *process {
	p := &process{clock: &virtualClock{now: epoch.Add(now)}, policies: policies}
	cached := &cachedClient{process: p}
	p.reconciler = rcroll.NewReconciler(cached, &liveReader{process: p}, &recorder{process: p}, policies, api.DefaultHashLabelKey, p.clock)
	p.reconciler.WakeBy(&p.queue)
	return p
}

// policiesChanged is what the watch of policies does.
func (p *process) policiesChanged(cache map[string]*RC) { p.beside(cache, p.reconciler.WakeAll) }

// neighbourChanged is a pass of the other rollout that there is.
func (p *process) neighbourChanged(cache map[string]*RC) {
	p.beside(cache, func(ctx context.Context) {
		_, _ = p.reconciler.Reconcile(ctx, reconcile.Request{NamespacedName: neighbourKey})
	})
}

// beside is what happens while a pass may be under way, and calls nobody.
func (p *process) beside(cache map[string]*RC, do func(context.Context)) {
	before := p.cache
	p.cache = cache
	do(quiet)
	p.cache = before
}

// wakeQueue is the agent's queue, as policies see it.
type wakeQueue struct {
	workqueue.TypedInterface[reconcile.Request] // nil: nothing else is called

	woken bool
}

func (q *wakeQueue) Add(request reconcile.Request) {
	q.woken = q.woken || request.NamespacedName == rolloutKey
}

// wasWoken reports whether policies have the rollout looked at, once.
func (p *process) wasWoken() bool {
	woken := p.queue.woken
	p.queue.woken = false
	return woken
}

// begin starts a pass. It returns the first call, and false if the pass is over.
func (p *process) begin(cache map[string]*RC, now time.Duration) (call, bool) {
	p.cache, p.clock.now = cache, epoch.Add(now)
	p.next, p.stop = iter.Pull(func(yield func(call) bool) {
		p.yield = yield
		p.result, p.err = p.reconciler.Reconcile(quiet, reconcile.Request{NamespacedName: rolloutKey})
	})
	return p.next()
}

// resume answers the call under way, and returns the next.
func (p *process) resume(r reply, now time.Duration) (call, bool) {
	p.reply, p.clock.now = r, epoch.Add(now)
	return p.next()
}

// kill ends the process in the middle of whatever it does.
func (p *process) kill() {
	if p.stop != nil {
		p.stop()
	}
}

// do is a call of the pass under way.
func (p *process) do(c call) reply {
	if !p.yield(c) {
		return reply{err: errKilled}
	}
	return p.reply
}

// recorder takes the agent's events.
type recorder struct {
	record.FakeRecorder
	process *process
}

func (r *recorder) Event(_ runtime.Object, _, _, message string) {
	r.process.events = append(r.process.events, message)
}

// virtualClock is a clock.PassiveClock.
type virtualClock struct{ now time.Time }

func (c *virtualClock) Now() time.Time                  { return c.now }
func (c *virtualClock) Since(t time.Time) time.Duration { return c.now.Sub(t) }
