// Command release makes what a release consists of, in a directory: the images, and with
// them manifests, chart and archives. The same sources make the same files.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
)

func main() {
	root := flag.String("root", "../..", "the checkout")
	dist := flag.String("dist", "../../dist", "directory to write to")
	version := flag.String("version", "v0.0.0-devel", "version of the release")
	imagesOnly := flag.Bool("images-only", false, "build nothing but the images")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *root, *dist, *version, *imagesOnly); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, root, dist, version string, imagesOnly bool) error {
	if err := checkVersion(version); err != nil {
		return err
	}
	s, err := newSource(ctx, root, version)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dist, 0o755); err != nil {
		return fmt.Errorf("make the directory: %w", err)
	}
	digests, err := s.images(ctx, filepath.Join(dist, "images"), imagePlatforms)
	if err != nil {
		return err
	}
	for _, program := range servers {
		fmt.Println(imageName(program) + ":" + version + "@" + digests[program].String())
	}
	if imagesOnly {
		return nil
	}
	return s.release(ctx, dist, digests)
}
