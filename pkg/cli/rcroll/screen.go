package rcroll

import (
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/rcroll/rcroll/pkg/cli/view"
)

// Sequences that every terminal of today understands.
const (
	// The other screen has no history, and is not wrapped anew when the size changes. There
	// is no cursor on it, and what is too long after all goes to no other line.
	enterScreen = "\x1b[?1049h\x1b[?25l\x1b[?7l"
	leaveScreen = "\x1b[?7h\x1b[?25h\x1b[?1049l"

	toTheTop   = "\x1b[H"
	clearLine  = "\x1b[K"
	clearBelow = "\x1b[J"
)

// The size of a terminal that does not tell it.
const (
	usualWidth  = 80
	usualHeight = 24
)

// again is the time after which a frame is written again though it is the same: keys that
// are pressed leave their letters on the screen.
const again = 2 * time.Second

// screen draws frames in a terminal, each in place of the one before. The terminal stays
// in its usual mode: keys such as Ctrl-C and Ctrl-Z do what they always do, and there is
// little to restore.
type screen struct {
	out    io.Writer
	size   func() view.Size
	colour bool

	// mu is held while something is written: the program may be suspended at any time.
	mu sync.Mutex

	// shown is the last frame as it was written, at that time; last is the same without
	// its place.
	shown, last string
	at          time.Time
}

// newScreen is nil if frames cannot be drawn: plain lines can always be.
func newScreen(out io.Writer, noColor bool) *screen {
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) || os.Getenv("TERM") == "dumb" {
		return nil
	}
	if runtime.GOOS == "windows" && os.Getenv("WT_SESSION") == "" {
		return nil // Older consoles do not know the sequences.
	}
	return &screen{out: out, colour: !noColor && printers.AllowsColorOutput(out), size: func() view.Size {
		width, height, err := term.GetSize(int(file.Fd()))
		if err != nil || width <= 0 || height <= 0 {
			return view.Size{Width: usualWidth, Height: usualHeight}
		}
		return view.Size{Width: width, Height: height}
	}}
}

// open begins to draw. What it returns restores the terminal, and leaves there what was
// shown last.
func (s *screen) open() (restore func()) {
	s.enter()
	stop := s.suspendable()
	return func() {
		stop()
		s.leave()
	}
}

func (s *screen) enter() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown = ""
	_, _ = io.WriteString(s.out, enterScreen)
}

func (s *screen) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = io.WriteString(s.out, leaveScreen+s.last)
}

// draw shows a view, unless that is what is there already.
func (s *screen) draw(v view.View, now time.Time) {
	size := s.size()
	var frame, last strings.Builder
	frame.WriteString(toTheTop)
	lines := v.Frame(size)
	for _, line := range lines {
		text := line.Text()
		if s.colour {
			text = line.ANSI()
		}
		last.WriteString(text + "\n")
		// Cleared before and not after the text, which may end in the last column.
		frame.WriteString(clearLine + text + "\r\n")
	}
	shown := frame.String() + clearBelow
	if len(lines) == size.Height { // There is no line below, and nothing must scroll.
		shown = strings.TrimSuffix(frame.String(), "\r\n")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if shown != s.shown || now.Sub(s.at) >= again {
		s.shown, s.last, s.at = shown, last.String(), now
		_, _ = io.WriteString(s.out, shown)
	}
}
