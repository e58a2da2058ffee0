package report

// Handovers compares ways to hand pods over at the end of a rollout.
type Handovers struct {
	Measured
	Cells []Handover `json:"cells"`
}

// Handover is one way, with so many pairs of so many pods.
type Handover struct {
	Way      string        `json:"way"`
	Size     int           `json:"size"`
	Replicas int           `json:"replicas"`
	Runs     []HandoverRun `json:"runs"`
}

// HandoverRun is all pairs, once.
type HandoverRun struct {
	// Seconds are from the first write until the last template is open again.
	Seconds float64 `json:"seconds"`

	// CPU is the processor time of all processes in seconds, until a moment afterwards.
	CPU float64 `json:"cpuSeconds"`

	// Writes are those of all in the namespace, Refused those that the API server refused
	// among them, and Warnings the events that would alarm somebody.
	Writes   int `json:"writes"`
	Refused  int `json:"refused"`
	Warnings int `json:"warnings"`
}

// medianRun has the median of each number.
func medianRun(runs []HandoverRun) (median HandoverRun) {
	of := func(number func(HandoverRun) float64) float64 {
		numbers := make([]float64, len(runs))
		for i, run := range runs {
			numbers[i] = number(run)
		}
		return Median(numbers)
	}
	return HandoverRun{
		Seconds:  of(func(r HandoverRun) float64 { return r.Seconds }),
		CPU:      of(func(r HandoverRun) float64 { return r.CPU }),
		Writes:   int(of(func(r HandoverRun) float64 { return float64(r.Writes) })),
		Refused:  int(of(func(r HandoverRun) float64 { return float64(r.Refused) })),
		Warnings: int(of(func(r HandoverRun) float64 { return float64(r.Warnings) })),
	}
}
