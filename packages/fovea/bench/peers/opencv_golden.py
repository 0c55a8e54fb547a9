"""Writes ../../test/golden/opencv.json: what OpenCV for Python makes of a small picture, and a QR code.

    python opencv_golden.py
"""
import base64
import json
import pathlib

import cv2
import numpy as np

folder = pathlib.Path(__file__).parent / "../../test/golden"
width, height = 29, 21
y, x = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
gray = ((x * 5 + y * 3 + (x * y) % 23 * 7) % 251).astype(np.uint8)
color = np.stack([gray, 255 - gray, (gray.astype(int) * 7 % 256).astype(np.uint8)], axis=2)


def packed(image):
    return base64.b64encode(np.ascontiguousarray(image).tobytes()).decode()


ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
camera = np.array([[30, 0, 14], [0, 31, 10], [0, 0, 1]], np.float64)
images = {
    "gray": cv2.cvtColor(color, cv2.COLOR_RGB2GRAY),
    "hsv": cv2.cvtColor(color, cv2.COLOR_RGB2HSV),
    "lab": cv2.cvtColor(color, cv2.COLOR_RGB2Lab),
    "gaussianBlur": cv2.GaussianBlur(color, (5, 5), 0),
    "medianBlur": cv2.medianBlur(color, 5),
    "bilateralFilter": cv2.bilateralFilter(gray, 5, 50, 5),
    "clahe": cv2.createCLAHE(2, (8, 8)).apply(gray),
    "canny": cv2.Canny(gray, 300, 500),
    "otsu": cv2.threshold(gray, 0, 255, cv2.THRESH_OTSU)[1],
    "triangle": cv2.threshold(gray, 0, 255, cv2.THRESH_TRIANGLE)[1],
    "adaptiveThreshold": cv2.adaptiveThreshold(gray, 255, cv2.ADAPTIVE_THRESH_GAUSSIAN_C, cv2.THRESH_BINARY, 7, 3),
    "closing": cv2.morphologyEx(gray, cv2.MORPH_CLOSE, ellipse),
    "resizeCubic": cv2.resize(gray, (40, 33), interpolation=cv2.INTER_CUBIC),
    "undistort": cv2.undistort(gray, camera, np.array([0.1, -0.02, 0.001, 0.002])),
}
binary = images["otsu"]
contours, _ = cv2.findContours(binary, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
outlines = [
    {"area": cv2.contourArea(c), "perimeter": cv2.arcLength(c, True), "box": list(cv2.boundingRect(c)), "hu": cv2.HuMoments(cv2.moments(c)).ravel().tolist()}
    for c in contours
]
qr = cv2.QRCodeEncoder_create().encode("fovea: it sees")
result = {
    "version": cv2.__version__,
    "width": width,
    "height": height,
    "images": {name: {"width": image.shape[1], "height": image.shape[0], "data": packed(image)} for name, image in images.items()},
    "outlines": outlines,
    "qr": {"text": "fovea: it sees", "size": qr.shape[0], "data": packed(qr)},
}
(folder / "opencv.json").write_text(json.dumps(result, indent=1) + "\n")
