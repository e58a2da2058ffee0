package sim

import (
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/rcroll/rcroll/pkg/api"
)

// plan is what a seed has in store.
type plan struct {
	kind        planKind
	replicas    int64
	annotations map[string]string
	script      []action
	faults      faults

	// plain tells that there is one rollout and nothing else; pauses that somebody
	// may leave it paused.
	plain, pauses bool
}

// planKind is how much of a mess there is.
type planKind int

const (
	quietPlan   planKind = iota // one rollout, in whatever order things happen
	usersPlan                   // users who change their minds
	agentPlan                   // one rollout, and an agent in trouble
	troublePlan                 // both
	clusterPlan                 // all that, and pods and nodes that die, and outages
	planKinds
)

func (p plan) String() string {
	return fmt.Sprintf("plan %d: %d replicas, %v, %v, faults %v", p.kind, p.replicas, p.annotations, p.script, p.faults.left)
}

func newPlan(seed uint64, random *rand.Rand) plan {
	p := plan{kind: planKind(seed % uint64(planKinds)), replicas: int64(1 + random.IntN(5)), annotations: map[string]string{}}
	p.strategy(random)
	p.plain = true
	p.script = []action{{kind: setImage, image: "tomcat:8"}}
	if p.kind == usersPlan || p.kind == troublePlan || p.kind == clusterPlan {
		p.plain = false
		for range 1 + random.IntN(5) {
			p.script = append(p.script, p.anyAction(random))
		}
		if random.IntN(8) == 0 {
			p.deletion(random)
		}
	}
	if p.kind >= agentPlan {
		for _, kind := range []faultKind{killBefore, killAfter, timeout, lost, conflict, overlap, freeze, staleStart, relistAgent} {
			p.faults.left[kind] = random.IntN(4)
		}
	}
	if p.kind == clusterPlan {
		for kind := relistManager; kind < faultKinds; kind++ {
			p.faults.left[kind] = random.IntN(3)
		}
	}
	return p
}

// strategy picks how to roll: mostly as by default.
func (p *plan) strategy(random *rand.Rand) {
	switch random.IntN(6) {
	case 0:
		p.annotations[api.MaxSurgeAnnotation] = "0"
		p.annotations[api.MaxUnavailableAnnotation] = strconv.Itoa(1 + random.IntN(2))
	case 1:
		p.annotations[api.MaxSurgeAnnotation] = strconv.Itoa(1 + random.IntN(3))
		p.annotations[api.MaxUnavailableAnnotation] = strconv.Itoa(random.IntN(3))
	case 2:
		p.annotations[api.MaxSurgeAnnotation] = "25%"
		p.annotations[api.MaxUnavailableAnnotation] = "25%"
	case 3:
		p.annotations[api.UpdatePeriodAnnotation] = "1s"
	}
}

var images = []string{"tomcat:7", "tomcat:8", "tomcat:9", "tomcat:bad"}

// anyAction is what users do to an RC that may be rolling.
func (p *plan) anyAction(random *rand.Rand) action {
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
		p.pauses = true
		return action{kind: annotate, key: api.PausedAnnotation, value: []string{"true", ""}[random.IntN(2)]}
	}
	return action{kind: annotate, key: api.MaxUnavailableAnnotation, value: strconv.Itoa(1 + random.IntN(2))}
}

// deletion ends the script with a deletion, and mostly with another RC of the name.
func (p *plan) deletion(random *rand.Rand) {
	kind := deleteBackground
	if random.IntN(3) == 0 {
		kind = deleteForeground
	}
	p.script = append(p.script, action{kind: kind})
	if random.IntN(3) > 0 {
		p.script = append(p.script, action{kind: createAgain, image: "tomcat:8", replicas: int64(1 + random.IntN(3))},
			action{kind: setImage, image: "tomcat:9"})
	}
}
