# The course on PyTorch for processors: docker build -t streets . && docker run --rm -p 8888:8888 --shm-size=2g streets
FROM python:3.13-slim
WORKDIR /course
COPY requirements.txt pyproject.toml README.md ./
COPY cs_utils cs_utils
COPY minicity minicity
COPY course course
RUN pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu -r requirements.txt
COPY . .
RUN useradd --create-home student && chown -R student /course
USER student
EXPOSE 8888
CMD ["jupyter", "lab", "--ip=0.0.0.0", "--no-browser", "--ServerApp.root_dir=.", "notebooks/00_introduction.ipynb"]
