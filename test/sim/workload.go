package sim

import (
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/rcroll/rcroll/pkg/api"
)

// workload is what a seed makes of a run: the ReplicationController, what users do to it
// and what goes wrong meanwhile.
type workload struct {
	kind        workloadKind
	replicas    int64
	annotations map[string]string
	script      []action
	faults      faults

	// plain: there is one rollout and nothing else. pauses: somebody may leave it paused.
	plain, pauses bool
}

// workloadKind is how much of a mess there is.
type workloadKind int

const (
	quietWorkload   workloadKind = iota // one rollout, in whatever order things happen
	usersWorkload                       // users who change their minds
	agentWorkload                       // one rollout, and an agent in trouble
	troubleWorkload                     // both
	clusterWorkload                     // all that, and pods and nodes that die, and outages
	workloadKinds
)

func (l workload) String() string {
	return fmt.Sprintf("workload %d: %d replicas, %v, %v, faults %v", l.kind, l.replicas, l.annotations, l.script, l.faults.left)
}

func newWorkload(seed uint64, random *rand.Rand) workload {
	l := workload{kind: workloadKind(seed % uint64(workloadKinds)), replicas: int64(1 + random.IntN(5)), annotations: map[string]string{}}
	l.strategy(random)
	l.steps(seed)
	l.plain = true
	l.script = []action{{kind: setImage, image: "tomcat:8"}}
	if l.kind == usersWorkload || l.kind == troubleWorkload || l.kind == clusterWorkload {
		l.plain = false
		for range 1 + random.IntN(5) {
			l.script = append(l.script, l.anyAction(random))
		}
		if random.IntN(8) == 0 {
			l.deletion(random)
		}
		l.failure(seed)
	}
	if l.kind >= agentWorkload {
		for _, kind := range []faultKind{killBefore, killAfter, timeout, lost, conflict, overlap, freeze, staleStart, relistAgent} {
			l.faults.left[kind] = random.IntN(4)
		}
	}
	// A sequence of its own: nothing else is another one for it.
	l.faults.left[stamping] = rand.New(rand.NewPCG(seed, 2)).IntN(4)
	if l.kind == clusterWorkload {
		for kind := relistManager; kind < stamping; kind++ {
			l.faults.left[kind] = random.IntN(3)
		}
	}
	return l
}

// strategy picks how to roll: mostly as by default.
func (l *workload) strategy(random *rand.Rand) {
	switch random.IntN(6) {
	case 0:
		l.annotations[api.MaxSurgeAnnotation] = "0"
		l.annotations[api.MaxUnavailableAnnotation] = strconv.Itoa(1 + random.IntN(2))
	case 1:
		l.annotations[api.MaxSurgeAnnotation] = strconv.Itoa(1 + random.IntN(3))
		l.annotations[api.MaxUnavailableAnnotation] = strconv.Itoa(random.IntN(3))
	case 2:
		l.annotations[api.MaxSurgeAnnotation] = "25%"
		l.annotations[api.MaxUnavailableAnnotation] = "25%"
	case 3:
		l.annotations[api.UpdatePeriodAnnotation] = "1s"
	}
}

// failure has some rollouts fail soon, and rolled back then. It draws from a sequence of
// its own.
func (l *workload) failure(seed uint64) {
	random := rand.New(rand.NewPCG(seed, 1))
	if random.IntN(4) > 0 {
		return
	}
	l.annotations[api.OnFailureAnnotation] = string(api.Rollback)
	l.annotations[api.ProgressDeadlineAnnotation] = []string{"10s", "1m", "10m"}[random.IntN(3)]
}

// steps divide some rollouts, and draw from a sequence of their own as well.
func (l *workload) steps(seed uint64) {
	random := rand.New(rand.NewPCG(seed, 3))
	some := []string{"1,pause", "1,pause,50%,pause=2s", "pause,2,pause=1s", "25%,pause,3,100%,pause", "0,pause=3s,1,50%"}
	if n := random.IntN(4 * len(some)); n < len(some) {
		l.annotations[api.StepsAnnotation] = some[n]
	}
}

var images = []string{"tomcat:7", "tomcat:8", "tomcat:9", "tomcat:bad", forbiddenImage}

// anyAction is what users do to an RC that may be rolling.
func (l *workload) anyAction(random *rand.Rand) action {
	image, replicas := images[random.IntN(len(images))], int64(random.IntN(6))
	switch random.IntN(14) {
	case 0, 1, 2:
		return action{kind: setImage, image: image}
	case 3, 4:
		return action{kind: applyAll, image: image, replicas: replicas}
	case 5:
		return action{kind: applyNoReplicas, image: image}
	case 6:
		return action{kind: replaceAll, image: image, replicas: replicas}
	case 7, 8:
		return action{kind: cancelRequest}
	case 9, 10:
		return action{kind: scaleSubresource, replicas: replicas}
	case 11:
		return action{kind: editReplicas, replicas: replicas}
	case 12:
		l.pauses = true
		return action{kind: annotate, key: api.PausedAnnotation, value: []string{"true", ""}[random.IntN(2)]}
	}
	return action{kind: annotate, key: api.MaxUnavailableAnnotation, value: strconv.Itoa(1 + random.IntN(2))}
}

// deletion ends the script with a deletion, and mostly with another RC of the name.
func (l *workload) deletion(random *rand.Rand) {
	kind := deleteBackground
	if random.IntN(3) == 0 {
		kind = deleteForeground
	}
	l.script = append(l.script, action{kind: kind})
	if random.IntN(3) > 0 {
		l.script = append(l.script, action{kind: createAgain, image: "tomcat:8", replicas: int64(1 + random.IntN(3))},
			action{kind: setImage, image: "tomcat:9"})
	}
}
